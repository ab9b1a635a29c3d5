# frozen_string_literal: true

require "spec_helper"
require "support/groups/examples"

RSpec.describe "A write to a Penstock::Group" do
  include StreamingHelper
  include GroupHelper

  let(:interrupt) { Class.new(StandardError) }

  # Many threads that write to the group.
  def occupy(group)
    others = Array.new(20) { Thread.new { group.write("x" * 16_000) } }
    Thread.pass until others.all?(&:stop?)
    others
  end

  # A thread that stands in line behind them.
  def wait_in_line(group, text)
    others = occupy(group)
    waiting = Thread.new { group.write(text) }
    waiting.report_on_exception = false
    Thread.pass until waiting.stop?
    [waiting, others]
  end

  it "that waits for its turn can be interrupted, and has written nothing then" do
    group = Penstock::Group.new
    responses, = open_members(group, serve_left_open(send_buffer_bytes: 10_000_000), 200)
    # On a busy machine its turn may have come before the interrupt: then once more.
    eventually(30) do
      waiting, others = wait_in_line(group, "interrupted")
      waiting.raise(interrupt)
      expect { waiting.join }.to raise_error(interrupt)
      others.each(&:join)
      group.write("end;")
      !responses.first.text_until("end;").include?("interrupted")
    end
  end

  it "leaves the line to a handler of a signal that writes too" do
    group = Penstock::Group.new
    responses, = open_members(group, serve_left_open(send_buffer_bytes: 10_000_000), 200)
    before = trap(:USR1) { group.write("handler;") }
    main = Thread.current
    others = occupy(group)
    signal = Thread.new { (Thread.pass until main.stop?) || Process.kill(:USR1, Process.pid) }
    group.write("main;")
    [signal, *others].each(&:join)
    group.close
    expect(responses.first.rest.delete("x")).to match(/\A(main;handler;|handler;main;)\z/)
  ensure
    trap(:USR1, before)
  end
end
