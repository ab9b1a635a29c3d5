# frozen_string_literal: true

require "socket"
require_relative "../../../benchmark/lib/bench"

RSpec.describe Bench::ProcessTree do
  subject(:tree) { described_class.new(Process.pid) }

  # Of processes of its own: this one may lose threads, and their time, at any moment.
  it "finds the descendants, and counts their time" do
    reader, writer = IO.pipe
    pid = spawn("sh", "-c", "ruby -e 'x = 0; x += 1 while x < 20_000_000; puts; $stdout.flush; sleep'; true", out: writer)
    family = described_class.new(pid)
    before = family.cpu
    reader.gets
    expect([family.pids.first, family.pids.size]).to eq([pid, 2])
    expect(family.cpu - before).to be > 20_000_000
  ensure
    family.pids.reverse_each { |member| Process.kill(:KILL, member) }
    Process.wait(pid)
  end

  it "counts the threads and descriptors of all processes of the tree" do
    reader, writer = IO.pipe
    pid = spawn("sh", "-c", "cat; true", in: reader, out: File::NULL, close_others: true)
    family = described_class.new(pid)
    # A program that starts has its libraries open for a moment.
    eventually { expect([family.pids.size, family.threads, family.descriptors]).to eq([2, 2, 6]) }
  ensure
    [reader, writer].each(&:close)
    Process.wait(pid)
  end

  it "measures resident memory in bytes" do
    # A process of its own: this one may have the memory already.
    IO.popen([RbConfig.ruby, "-e", '$stdout.sync = true; puts; gets; text = "x" * 30_000_000; puts text.bytesize; gets'], "r+") do |child|
      child.gets
      family = described_class.new(child.pid)
      before = family.resident
      child.puts
      size = Integer(child.gets)
      expect(family.resident - before).to be_within(5_000_000).of(size)
    end
  end

  it "knows who listens on a port" do
    other = spawn("cat", in: IO.pipe.first)
    TCPServer.open("127.0.0.1", 0) do |server|
      expect(tree.listens_on?(server.addr[1])).to be(true)
      expect(described_class.new(other).listens_on?(server.addr[1])).to be(false)
    end
    expect(tree.listens_on?(Bench::Server.free_port)).to be(false)
  ensure
    Process.kill(:KILL, other)
    Process.wait(other)
  end

  it "takes a process that is not there for nothing" do
    pid = spawn("true")
    Process.wait(pid)
    gone = described_class.new(pid)
    expect([gone.cpu, gone.resident, gone.descriptors, gone.threads]).to eq([0, 0, 0, 0])
  end
end
