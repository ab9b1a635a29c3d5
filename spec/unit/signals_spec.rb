# frozen_string_literal: true

require "spec_helper"
require "penstock/signals"

RSpec.describe Penstock::Signals do
  let(:queue) { Thread::Queue.new }

  it "pushes the name of each signal while the block runs" do
    names = described_class.to(queue) do
      described_class::NAMES.map do |name|
        Process.kill(name, Process.pid)
        queue.pop
      end
    end
    expect(names).to eq %w[INT TERM HUP USR1 USR2]
  end

  it "puts the traps back, also when the block raises" do
    called = Thread::Queue.new
    before = Signal.trap("USR1") { called << :mine }
    expect { described_class.to(queue) { raise IOError } }.to raise_error(IOError)
    Process.kill("USR1", Process.pid)
    expect(called.pop).to eq :mine
    expect(queue).to be_empty
  ensure
    Signal.trap("USR1", before)
  end

  it "leaves the signals alone outside of the main thread" do
    allow(Signal).to receive(:trap)
    Thread.new { described_class.to(queue) { nil } }.join
    expect(Signal).not_to have_received(:trap)
  end
end
