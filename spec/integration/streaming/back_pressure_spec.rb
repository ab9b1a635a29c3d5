# frozen_string_literal: true

require "spec_helper"
require "timeout"
require "support/streaming/helper"
require "support/slow_reader"

# What a stream holds for a client that reads slowly is counted in bytes, and a writer does not wait for ever.
RSpec.describe "Back-pressure of a stream" do
  include StreamingHelper

  # What clients that read nothing let the kernel keep for them, in bytes.
  let(:narrow) { 4096 }

  # Errors of a write for a client that was given up.
  gave_up = [Errno::ECONNRESET, Errno::EPIPE]

  # A thread that writes until it cannot; its value is what ended it, and its :written counts bytes.
  def write_for_ever(stream, piece = "x" * 4000)
    Thread.new do
      Thread.current[:written] = 0
      loop { Thread.current[:written] += stream.write(piece) }
    rescue SystemCallError, IOError, Penstock::Error => e
      e
    end
  end

  # Waits until the writer has stopped for want of room.
  def blocked(writer)
    looks = []
    eventually(10) do
      looks << [writer.stop?, writer[:written]]
      looks.last(30).uniq.size == 1 && looks.size >= 30 && looks.last.first
    end
    writer
  end

  # Bytes that were written and that neither side's kernel has.
  def held_by_server(writer)
    writer[:written] - TcpTable.server_end(client).unsent - TcpTable.client_end(client).unread
  end

  [32 * 1024, 256 * 1024, 1024 * 1024].each do |size|
    it "takes no more than the send buffer of #{size} bytes, and as much again that is being sent" do
      response, stream = open_stream(serve_left_open(send_buffer_bytes: size), receive_buffer: narrow)
      writer = blocked(write_for_ever(stream))
      expect(held_by_server(writer)).to be_between(size / 2, (2 * size) + (64 * 1024))
      stream.close
      expect(writer.value).to be_a(IOError)
      expect(response.rest.bytesize).to be >= writer[:written]
    end
  end

  it "takes 256 KiB unless it is told otherwise" do
    _, stream = open_stream(serve_left_open, receive_buffer: narrow)
    expect(held_by_server(blocked(write_for_ever(stream)))).to be_between(128 * 1024, 576 * 1024)
  end

  it "lets one write be longer than the buffer, and waits for its end" do
    response, stream = open_stream(serve_left_open(send_buffer_bytes: 1000))
    writer = Thread.new { stream.write("y" * 3_000_000) }
    expect(client.read_chunk.bytesize).to be <= 1000
    stream_closer = Thread.new { writer.join && stream.close }
    expect(response.rest.bytesize).to be_between(3_000_000 - 1000, 2_999_999)
    expect(writer.value).to eq(3_000_000)
    stream_closer.join
  end

  it "delivers all that was written before a close to a client that reads later" do
    response, stream = open_stream(serve_left_open(send_buffer_bytes: 500_000), receive_buffer: narrow)
    stream.write("z" * 400_000)
    stream.close
    expect(response.rest.bytesize).to eq(400_000)
  end

  it "holds up neither other streams nor requests while a client reads nothing" do
    server = serve_left_open(threads: 1)
    _, stuck = open_stream(server, receive_buffer: narrow)
    blocked(write_for_ever(stuck))
    response, other = open_stream(server)
    other.write("news;")
    expect(response.text_until(";")).to eq("news;")
    expect(get(server, "/ordinary").body).to eq("ordinary")
  end

  describe "a writer that waits" do
    it "goes on when the client reads" do
      _, stream = open_stream(serve_left_open, receive_buffer: narrow)
      writer = blocked(write_for_ever(stream))
      before = writer[:written]
      eventually { client.read_chunk && writer[:written] > before }
      expect(writer).to be_alive
    end

    it "gets IOError when another thread closes the stream" do
      _, stream = open_stream(serve_left_open, receive_buffer: narrow)
      writers = Array.new(3) { write_for_ever(stream) }
      writers.each { |writer| blocked(writer) }
      stream.close
      expect(writers.map(&:value)).to all(be_a(IOError).and(have_attributes(message: "closed stream")))
    end

    it "gets EPIPE or ECONNRESET when the client leaves" do
      _, stream = open_stream(serve_left_open, receive_buffer: narrow)
      writers = Array.new(3) { write_for_ever(stream) }
      writers.each { |writer| blocked(writer) }
      client.abort
      expect(gave_up).to include(*writers.map { |writer| writer.value.class })
    end

    it "can be interrupted by a Timeout, by Thread#raise and by Thread#kill, and leaves the stream to the others" do
      response, stream = open_stream(serve_left_open, receive_buffer: narrow)
      expect { Timeout.timeout(0.2) { loop { stream.write("x" * 4000) } } }.to raise_error(Timeout::Error)
      killed = blocked(write_for_ever(stream))
      killed.kill
      expect(killed.join(5)).to be(killed)
      raised = blocked(write_for_ever(stream))
      raised.raise(IOError, "enough")
      expect(raised.value).to have_attributes(message: "enough")
      last = Thread.new { stream.write("the end") && stream.close }
      expect(response.rest).to end_with("the end")
      last.join
    end
  end

  describe "the write deadline" do
    it "ends a stream whose client takes nothing for so long, with a reset" do
      server = serve_left_open(write_timeout: 0.3)
      _, stream = open_stream(server, receive_buffer: narrow)
      stream.on_close { |error| notes << error.class }
      began = now
      expect(gave_up).to include(write_for_ever(stream).value.class)
      expect(now - began).to be_between(0.25, 3)
      expect(gave_up).to include(notes.pop)
      expect(stream).to be_closed
      client.read_to_eof
      expect(client.reset?(0)).to be(true)
      eventually { server.server.stats[:connections].zero? }
    end

    it "can be set for one stream, and switched off for one" do
      server = serve_left_open(write_timeout: 0.3)
      patient_response, patient = open_stream(server, receive_buffer: narrow)
      patient.write_timeout = nil
      patient_writer = write_for_ever(patient)
      _, hasty = open_stream(serve_left_open(write_timeout: nil), receive_buffer: narrow)
      hasty.write_timeout = 0.2
      expect(gave_up).to include(write_for_ever(hasty).value.class)
      _, usual = open_stream(server, receive_buffer: narrow)
      expect(gave_up).to include(write_for_ever(usual).value.class)
      expect([patient.closed?, patient_writer.alive?]).to eq([false, true])
      patient.close
      expect(patient_writer.value).to be_a(IOError)
      expect(patient_response.rest.bytesize).to be >= patient_writer[:written]
    end

    it "can be set while a writer waits" do
      _, stream = open_stream(serve_left_open(write_timeout: nil), receive_buffer: narrow)
      writer = blocked(write_for_ever(stream))
      began = now
      stream.write_timeout = 0.2
      expect(gave_up).to include(writer.value.class)
      expect(now - began).to be < 3
    end

    it "is refused where it is no time" do
      _, stream = open_stream(serve_left_open)
      expect { stream.write_timeout = -1 }.to raise_error(ArgumentError, /write_timeout/)
      expect { stream.write_timeout = "soon" }.to raise_error(TypeError)
    end

    it "does not concern a stream for which nothing waits, nor one whose client goes on reading" do
      server = serve_left_open(write_timeout: 0.3)
      response, silent = open_stream(server)
      _, read = open_stream(server, receive_buffer: narrow)
      reader = SlowReader.new(client, bytes: 20_000, interval: 0.05)
      writer = write_for_ever(read)
      _, stuck = open_stream(server, receive_buffer: narrow)
      3.times { expect(gave_up).to include(write_for_ever(open_stream(server, receive_buffer: narrow).last).value.class) }
      eventually { stuck && reader.count > 200_000 }
      expect([silent.closed?, read.closed?, writer.alive?]).to eq([false, false, true])
      silent.write("still here;")
      expect(response.text_until(";")).to eq("still here;")
      reader.stop
    end

    it "ends a response whose code has closed the stream, too" do
      server = serve_left_open(write_timeout: 0.3, send_buffer_bytes: 8_000_000)
      _, stream = open_stream(server, receive_buffer: narrow)
      stream.write("x" * 8_000_000)
      stream.close
      eventually { server.server.stats[:connections].zero? }
      expect(client.read_to_eof.bytesize).to be < 8_000_000
    end

    it "holds behind a 101" do
      offer = { "connection" => "upgrade", "upgrade" => "chat" }
      server = serve_left_open(status: 101, headers: { "rack.protocol" => "chat" }, write_timeout: 0.3)
      _, stream = open_stream(server, headers: offer, receive_buffer: narrow)
      expect(gave_up).to include(write_for_ever(stream).value.class)
      client.read_to_eof
      expect(client.reset?(0)).to be(true)
    end
  end

  # The grace in which no rate is asked for lasts 30 s.
  it "ends a stream whose client takes less than min_write_rate, and none that takes more", limit: 120 do
    offer = { "connection" => "upgrade", "upgrade" => "chat" }
    rate = { write_timeout: nil, min_write_rate: 2000 }
    chunked = serve_left_open(**rate)
    raw = serve_left_open(status: 101, headers: { "rack.protocol" => "chat" }, **rate)
    slow, steady = [200, 20_000].map do |bytes|
      [[chunked, {}], [raw, offer]].map do |server, headers|
        _, stream = open_stream(server, headers: headers, receive_buffer: narrow)
        SlowReader.new(client, bytes: bytes, interval: 0.5)
        write_for_ever(stream)
      end
    end
    began = now
    expect(gave_up).to include(*slow.map { |writer| writer.value.class })
    expect(now - began).to be_between(25, 60)
    expect(steady).to all(be_alive)
  end
end
