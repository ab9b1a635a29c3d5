# frozen_string_literal: true

require "spec_helper"
require "penstock"
require "support/live_response"
require "support/vm/helper"

RSpec.describe "A Penstock::Group" do
  include VmHelper

  it "sends heartbeats while no thread of Ruby can run" do
    child = run_program(<<~RUBY)
      group = Penstock::Group.new(heartbeat: 0.02)
      numbers = Array.new(3_000_000) { |number| number * 7_368_787 % 3_000_017 }
      server = start(threads: 2) do |env|
        next [200, {}, ->(stream) { group << stream }] if env["PATH_INFO"] == "/stream"

        # One call of Ruby's own that lets no other thread run.
        times = [Process.clock_gettime(Process::CLOCK_MONOTONIC)]
        numbers.sort_by!(&:itself) && numbers.shuffle.sort until (times << Process.clock_gettime(Process::CLOCK_MONOTONIC)).last > times[0] + 1
        [200, {}, [times.each_cons(2).max_by { |from, to| to - from }.join(" ")]]
      end
      server.wait
    RUBY
    client = connect(child).write(request_bytes("GET", "/stream"))
    client.read_head
    times = []
    beats = Thread.new { loop { (times << Process.clock_gettime(Process::CLOCK_MONOTONIC)) if client.read_chunk == ":\n\n" } }
    busy = connect(child).write(request_bytes("GET", "/compute"))
    eventually(30) { busy.received.include?("\r\n\r\n") }
    from, to = busy.read_response.body.split.map(&:to_f)
    beats.kill.join
    expect(to - from).to be > 0.2
    expect(times.count { |time| time.between?(from, to) }).to be > (to - from) / 0.02 / 3
  end

  it "wants settings that make sense" do
    [0, -1, 1e19, Float::NAN, Float::INFINITY].each do |seconds|
      expect { Penstock::Group.new(heartbeat: seconds) }.to raise_error(ArgumentError, /seconds/)
    end
    expect { Penstock::Group.new(heartbeat: "soon") }.to raise_error(TypeError)
    ["", nil, 1].each { |data| expect { Penstock::Group.new(heartbeat: 1, heartbeat_data: data) }.to raise_error(ArgumentError, /String/) }
    %i[block raise].each do |policy|
      expect { Penstock::Group.new(slow_consumer: policy) }.to raise_error(ArgumentError, /:disconnect, :drop/)
    end
  end

  it "may have subclasses" do
    chat = Class.new(Penstock::Group) { def shout(text) = write(text.upcase) }
    expect(chat.new(heartbeat: 1).shout("hello")).to eq(0)
  end

  it "that was made before a fork serves in the child, where no server ran" do
    child = run_program(<<~RUBY)
      group = Penstock::Group.new(heartbeat: 0.02, heartbeat_data: "beat;")
      group.write("nobody")
      pid = fork do
        server = start { |env| [200, {}, ->(stream) { group << stream }] }
        trap(:TERM) { exit!(0) }
        server.wait
      end
      at_exit { Process.kill(:TERM, pid) }
      trap(:TERM) { exit }
      Process.wait(pid)
    RUBY
    response = LiveResponse.new(connect(child).write(request_bytes("GET", "/")))
    expect(response.text_until("beat;")).to eq("beat;")
  end
end
