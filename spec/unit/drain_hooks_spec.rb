# frozen_string_literal: true

require "spec_helper"
require "penstock/drain_hooks"

RSpec.describe Penstock::DrainHooks do
  let(:lines) { Thread::Queue.new }
  let(:called) { Thread::Queue.new }

  after { described_class.clear }

  def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

  def run(seconds = 5, &rest) = described_class.run(now + seconds, log: ->(line) { lines << line }, &rest)

  def items(queue) = Array.new(queue.size) { queue.pop }

  it "runs the hooks in their order, the built-in ones behind them, and then the block" do
    described_class::BUILT_IN.each { |hook| allow(hook).to receive(:call) { called << hook } }
    Penstock.on_drain { called << :first }
    Penstock.on_drain { called << :second }
    expect(run { called << :rest and :result }).to eq :result
    expect(items(called)).to eq [:first, :second, *described_class::BUILT_IN, :rest]
  end

  it "does without a block, and without a deadline" do
    Penstock.on_drain { called << :hook }
    expect(described_class.run(nil)).to be_nil
    expect(items(called)).to eq [:hook]
  end

  it "wants a block from Penstock.on_drain" do
    expect { Penstock.on_drain }.to raise_error(ArgumentError)
  end

  [
    ["an error", -> { raise "no luck" }, /raised RuntimeError: no luck \(#{Regexp.escape(__FILE__)}:\d+/],
    ["an error that is no StandardError", -> { raise NotImplementedError, "never" }, /raised NotImplementedError: never/],
    ["exit", -> { exit }, /raised SystemExit/],
    ["a throw", -> { throw :nowhere }, /raised UncaughtThrowError/],
    ["the end of its thread", -> { Thread.current.kill }, nil]
  ].each do |name, hook, line|
    it "goes on after #{name} in a hook" do
      Penstock.on_drain(&hook)
      Penstock.on_drain { called << :next }
      expect(run { :rest }).to eq :rest
      expect(items(called)).to eq [:next]
      expect(items(lines)).to line ? contain_exactly(match(line).and(start_with("on_drain: the hook of #{__FILE__}:"))) : eq([])
    end
  end

  it "waits for a hook as long as half of the time that is left, and lets it go on" do
    gate = Thread::Queue.new
    Penstock.on_drain do
      gate.pop
      called << :slow
    end
    Penstock.on_drain { called << :next }
    started = now
    run(0.2)
    expect(now - started).to be_between(0.1, 5)
    expect(items(lines)).to contain_exactly(/the hook of .* takes too long; the drain goes on beside it/)
    expect(called.pop).to eq :next
    gate << :go
    expect(called.pop).to eq :slow
  end

  it "gives each hook a moment where the deadline has passed, and no more" do
    Penstock.on_drain { called << :quick }
    Penstock.on_drain { Thread::Queue.new.pop }
    expect { run(-60) }.to change(lines, :size).by(1)
    expect(items(called)).to eq [:quick]
  end

  it "runs the built-in hooks again while the drain lasts, for what has become a stream since" do
    stub_const("#{described_class}::INTERVAL", 0.01)
    hook = described_class::BUILT_IN.first
    allow(hook).to receive(:call) { called << :call }
    run { 3.times { called.pop } }
    expect(hook).to have_received(:call).at_least(3).times
  end

  it "leaves no thread behind" do
    threads = Thread.list
    run { :rest }
    expect(Thread.list - threads).to eq []
  end

  it "has the built-in hooks finish once the drain is over, by the deadline, also when it raises" do
    described_class::BUILT_IN.each { |hook| allow(hook).to receive(:finish) { |deadline| called << (deadline - now) } }
    expect { run(5) { raise IOError } }.to raise_error(IOError)
    expect(items(called)).to match [be_between(4, 5), be_between(4, 5)]
  end

  it "gives the built-in hooks a moment to finish where the deadline has passed" do
    described_class::BUILT_IN.each { |hook| allow(hook).to receive(:finish) { |deadline| called << (deadline - now) } }
    run(-60) { :rest }
    expect(items(called)).to match [be_between(0, 0.1), be_between(0, 0.1)]
  end

  it "goes on where a built-in hook cannot finish" do
    allow(described_class::BUILT_IN.first).to receive(:finish).and_raise("no luck")
    allow(described_class::BUILT_IN.last).to receive(:finish) { called << :finished }
    expect(run { :rest }).to eq :rest
    expect(items(called)).to eq [:finished]
    expect(items(lines)).to contain_exactly(/Penstock::DrainHooks::ActionCable raised RuntimeError: no luck/)
  end
end
