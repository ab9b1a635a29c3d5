# frozen_string_literal: true

require "spec_helper"
require "support/groups/examples"
require "support/slow_reader"
require "support/vm/garbage"

# Who is a member, and what becomes of one that does not keep up.
RSpec.describe "A member of a Penstock::Group" do
  include StreamingHelper
  include GroupHelper

  let(:group) { Penstock::Group.new }

  # A member whose client reads nothing, and for which as much waits as there is room for.
  def open_stuck(server)
    response, stream = open_stream(server, receive_buffer: 4096)
    group << stream
    idle = 0
    eventually(10) do
      taken = stream.write_nonblock("." * 1000, exception: false)
      idle = taken == :wait_writable ? idle + 1 : 0
      idle > 20 || (idle.zero? && redo)
    end
    [response, stream]
  end

  describe "that does not keep up" do
    # Of the group, of the stream => whether it stays.
    {
      [nil, :block] => false, [nil, :disconnect] => false, [nil, :raise] => true,
      %i[disconnect raise] => false, %i[drop block] => true, %i[drop disconnect] => true
    }.each do |(of_group, own), stays|
      outcome = stays ? "misses a whole message" : "is disconnected"
      it "#{outcome} where the group says #{of_group.inspect} and the stream #{own.inspect}, and holds up nobody" do
        @group = Penstock::Group.new(slow_consumer: of_group)
        server = serve_left_open(send_buffer_bytes: 100_000, slow_consumer: own, write_timeout: 60)
        slow, stuck = open_stuck(server)
        stuck.on_close { |error| notes << error.class }
        quick, = open_members(group, server, 1)
        expect(group.write("#{"x" * 2000};")).to eq(1)
        expect(quick.first.text_until(";")).to eq("#{"x" * 2000};")
        expect(group.include?(stuck)).to be(stays)
        if stays
          reader = Thread.new { slow.text_until("behind;") }
          eventually { group.write("behind;") == 2 }
          expect(reader.value).to match(/\A\.+behind;\z/)
        else
          expect(notes.pop).to eq(Errno::ECONNRESET)
        end
      end

      def group = @group || super
    end

    it "is given up at the write time-out as any stream is, with nothing written to it" do
      _, stream = open_stuck(serve_left_open(send_buffer_bytes: 100_000, write_timeout: 0.5))
      eventually { group.empty? }
      expect(stream).to be_closed
    end
  end

  it "is a stream of Penstock, and else a TypeError says what to do" do
    server = serve do |env|
      notes << begin
        group << env["rack.hijack"].call
      rescue TypeError => e
        e.message
      end
      nil
    end
    connect(server).write(request_bytes("GET", "/"))
    expect(notes.pop).to include("full hijack", "streaming body")
    expect { group << "a stream" }.to raise_error(TypeError, /String.*env\["penstock.stream"\]/)
    expect { group.delete(nil) }.to raise_error(TypeError)
    expect { group.include?(1) }.to raise_error(TypeError)
  end

  it "is none whose connection was taken over" do
    server = serve do |env|
      env["rack.hijack"].call
      notes << begin
        group << env["penstock.stream"]
      rescue Penstock::Error => e
        e.message
      end
      nil
    end
    connect(server).write(request_bytes("GET", "/"))
    expect(notes.pop).to include("taken over", "streaming body")
  end

  it "is none any more when its connection is taken over" do
    server = serve do |env|
      group << env["penstock.stream"]
      env["rack.hijack"].call
      notes << [group.size, group.write("for nobody")]
      nil
    end
    connect(server).write(request_bytes("GET", "/"))
    expect(notes.pop).to eq([0, 0])
  end

  it "that is no stream yet reads its request to the end when the group is closed" do
    server = serve(request_buffering: false) do |env|
      group << env["penstock.stream"]
      group.close
      notes << true
      [200, {}, [env["rack.input"].read]]
    end
    client = connect(server).write("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 8\r\n\r\nhalf")
    notes.pop
    expect(client.write("half").read_response.body).to eq("halfhalf")
  end

  it "that is no stream yet is answered, however much was written meanwhile" do
    server = serve do |env|
      group << env["penstock.stream"]
      notes << Array.new(20) { group.write("x" * 100_000) }
      [200, {}, ["whole"]]
    end
    expect(get(server, "/").body).to eq("whole")
    expect(notes.pop).to eq([1, 1, *Array.new(18, 0)])
  end

  it "is not given up for a heartbeat that has no room" do
    beating = Penstock::Group.new(heartbeat: 0.01)
    _, stream = open_stuck(serve_left_open(send_buffer_bytes: 100_000, write_timeout: 60))
    beating << stream
    other, = open_members(beating, serve_left_open, 1)
    5.times { expect(other.first.text_until("\n\n")).to eq(":\n\n") }
    expect(stream).not_to be_closed
  end

  it "gets nothing into the middle of a long write of its own" do
    server = serve_left_open(send_buffer_bytes: 4096)
    dropping = Penstock::Group.new(slow_consumer: :drop)
    responses, opened = open_members(dropping, server, 1)
    reader = Thread.new { responses.first.rest }
    writer = Thread.new { 200.times { opened.first.write("<#{"x" * 20_000}>") } }
    dropping.write("<m>") while writer.alive?
    writer.join
    dropping.close
    expect(reader.value.gsub("<m>", "")).to eq("<#{"x" * 20_000}>" * 200)
  end

  it "is none of a group that was closed" do
    group.close
    _, stream = open_stream(serve_left_open)
    expect { group << stream }.to raise_error(Penstock::Error, /closed.*new one/)
    expect(stream).not_to be_closed
    expect(group).to be_closed
  end

  it "leaves when it is answered with a whole body" do
    server = serve do |env|
      group << env["penstock.stream"]
      notes << group.write("for nobody")
      [200, {}, ["whole"]]
    end
    expect(get(server, "/").body).to eq("whole")
    expect(notes.pop).to eq(1)
    eventually { group.empty? }
  end

  it "counts in the access log with all that was sent to it" do
    log = File.join(temporary_folder, "access.log")
    responses, = open_members(group, serve_left_open(access_log: log), 1)
    10.times { group.write("x" * 1000) }
    group.close
    expect(responses.first.rest.bytesize).to eq(10_000)
    eventually { File.read(log).include?(" 10000 ") }
  end

  it "may be written to by threads that are killed, and nothing is torn" do
    responses, = open_members(group, serve_left_open(send_buffer_bytes: 10_000_000), 50)
    began = Thread::Queue.new
    threads = Array.new(20) { |number| Thread.new { loop { group.write("<#{number}>") && (began << true) } } }
    threads.each { |thread| began.pop && thread.kill.join }
    expect(group.write("<end>")).to eq(50)
    group.close
    texts = responses.map(&:rest)
    expect(texts.uniq.size).to eq(1)
    expect(texts.first).to match(/\A(<\d+>)*<end>\z/)
  end

  it "takes its place in many groups and leaves them all" do
    groups = Array.new(5) { Penstock::Group.new }
    responses, opened = open_members(group, serve_left_open, 1)
    groups.each { |each| each << opened.first << opened.first }
    groups.each_with_index { |each, number| expect(each.write("#{number};")).to eq(1) }
    groups.first.close
    expect(responses.first.rest).to eq("0;1;2;3;4;")
    expect([group, *groups]).to all(be_empty)
  end

  describe "and the garbage collector" do
    include Garbage

    it "collects groups, and breaks off the streams that only they referred to" do
      server = serve_stream { |stream, env| env["QUERY_STRING"] == "lost" ? (Penstock::Group.new(heartbeat: 60) << stream) : streams << stream }
      clients = Array.new(Garbage::MANY) { connect(server).write(request_bytes("GET", "/?lost")).tap(&:read_head) }
      rest = Garbage::MANY - Garbage::MOST
      collect_until(server) { clients.count { |client| !client.ended?(0) } <= rest && ObjectSpace.each_object(Penstock::Group).count <= rest + 5 }
      expect(server.log).to match(/a (stream|group) was lost/)
    end

    it "collects streams that are members, and nothing is left of them when they have ended" do
      server = serve_stream { |stream, _env| group << stream }
      clients = Array.new(Garbage::MANY) { connect(server).write(request_bytes("GET", "/")).tap(&:read_head) }
      before = Garbage::MANY - Garbage::MOST
      eventually { group.size == Garbage::MANY }
      collect_until(server) { ObjectSpace.each_object(Penstock::Stream).count <= before + 5 }
      expect(group.write("x")).to eq(Garbage::MANY)
      clients.each(&:abort)
      eventually { group.empty? && server.server.stats[:connections] <= 1 }
    end
  end
end
