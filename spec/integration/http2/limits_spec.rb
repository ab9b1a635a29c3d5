# frozen_string_literal: true

require "spec_helper"
require "support/http2/streaming"

# Robustness, lines 10 to 12 and 15, and the table of defaults.
RSpec.describe "HTTP/2 limits" do
  include StreamingHelper
  include Http2::Streaming

  describe "a client that takes nothing" do
    it "loses its streams at the write time-out, with a window of 0 from the start" do
      server = serve_left_open(write_timeout: 0.2)
      @client = connect_http2(server, settings: { initial_window_size: 0 })
      responses = Array.new(20) { client.request("GET", "/") }
      opened = responses.map { |response| response.status && streams.pop }
      opened.each do |stream|
        stream.on_close { |error| notes << error }
        stream.write("data")
      end
      expect(Array.new(20) { notes.pop }).to all(be_a(Errno::ECONNRESET))
      expect(responses.map(&:reset_code)).to all(eq(:cancel))
      expect(client.request("HEAD", "/ordinary").status).to eq(200)
    end

    it "loses them too where it starves the connection's window alone, and sends PINGs" do
      server = serve_left_open(write_timeout: 0.3)
      @client = connect_http2(server, settings: { initial_window_size: 1_000_000 }, opens_windows: false)
      response = client.request("GET", "/")
      response.status
      stream = streams.pop
      stream.on_close { |error| notes << error }
      stream.write("a" * 100_000)
      eventually { client.round_trip && !notes.empty? }
      expect(notes.pop).to be_a(Errno::ECONNRESET)
      expect(response.reset_code).to eq(:cancel)
    end

    it "loses its connection where it takes nothing from the socket" do
      server = serve_left_open(write_timeout: 0.3)
      @client = connect_http2(server, settings: { initial_window_size: 2_000_000_000 }, receive_buffer: 4096)
      client.open_window(2_000_000_000)
      client.request("GET", "/")
      stream = streams.pop
      stream.on_close { |error| notes << error }
      writing = Thread.new { loop { stream.write("a" * 10_000) } }
      writing.report_on_exception = false
      expect(notes.pop).to be_a(SystemCallError)
      expect { writing.join }.to raise_error(SystemCallError)
      eventually { server.server.stats[:connections].zero? }
    end

    it "is not one that takes a little again and again, however long all of it takes" do
      server = serve_left_open(write_timeout: 1)
      @client = connect_http2(server, settings: { initial_window_size: 0 }, opens_windows: false)
      slow, stuck = Array.new(2) { client.request("GET", "/").tap(&:status).then { |response| [response, streams.pop] } }
      [slow, stuck].each { |_, stream| stream.write("a" * 50_000) }
      # Until the time-out has struck where nothing is taken.
      until stuck.first.over?
        client.open_window(1, stream: slow.first.id)
        client.round_trip
      end
      expect(stuck.first.reset_code).to eq(:cancel)
      client.open_window(50_000, stream: slow.first.id)
      expect(slow.first.read_bytes(50_000).bytesize).to eq(50_000)
    end

    it "is held to the time-out that a stream has of its own" do
      server = serve_left_open(write_timeout: 60)
      @client = connect_http2(server, settings: { initial_window_size: 0 })
      response = client.request("GET", "/")
      response.status
      stream = streams.pop
      stream.write("data")
      stream.write_timeout = 0.1
      expect(response.reset_code).to eq(:cancel)
    end

    it "is told apart by the policy of the stream" do
      server = serve_left_open(send_buffer_bytes: 1000)
      @client = connect_http2(server, settings: { initial_window_size: 0 })
      response = client.request("GET", "/")
      response.status
      stream = streams.pop
      # What the buffer holds, and what is on its way behind it.
      stream.slow_consumer = :raise
      expect { 5.times { stream.write("a" * 900) } }.to raise_error(Penstock::SlowConsumerError)
      stream.slow_consumer = :disconnect
      expect { 5.times { stream.write("a" * 900) } }.to raise_error(Errno::ECONNRESET)
      expect(response.reset_code).to eq(:cancel)
    end
  end

  describe "streams that are reset" do
    it "leave the queue before the application sees them" do
      latch = Latch.new
      called = Queue.new
      server = serve(threads: 1) do |env|
        called << env["PATH_INFO"]
        latch.wait
        [200, {}, []]
      end
      client = connect_http2(server)
      client.request("GET", "/first")
      expect(called.pop).to eq("/first")
      waiting = Array.new(10) { client.request("GET", "/waiting") }
      eventually { server.server.stats[:queued] == 10 }
      waiting.each(&:reset)
      eventually { server.server.stats[:queued].zero? }
      latch.open
      expect(client.request("GET", "/last").status).to eq(200)
      expect(called.pop).to eq("/last")
    end
  end

  describe "time" do
    it "is short for a first byte, and for half a preface" do
      server = serve(first_byte_timeout: 0.2) { [200, {}, []] }
      ["", "P", Http2::PREFACE[0..10], Http2::PREFACE[0..-2]].each do |bytes|
        expect(connect(server).write(bytes)).to be_ended
      end
    end

    it "ends an idle connection by a GOAWAY, and not one with an open stream" do
      server = serve_left_open(keep_alive_timeout: 0.2)
      response, stream = open_stream(server)
      idle = connect_http2(server)
      expect(idle.wait_goaway).to eq(:no_error)
      expect(idle).to be_ended
      client.round_trip
      expect(client.goaway).to be_nil
      stream.write("still there")
      stream.close
      expect(response.rest).to eq("still there")
      expect(client.wait_goaway).to eq(:no_error)
    end

    it "is not idle time while a request is still being received behind its response" do
      received = Queue.new
      server = serve(keep_alive_timeout: 0.2, linger_timeout: 0.1) do
        body = lambda do |stream|
          stream.write("answered")
          stream.close_write
          received << stream.read
        end
        [200, {}, body]
      end
      client = connect_http2(server)
      response = client.request("POST", "/", body: "begun;", ended: false)
      expect(response.body).to eq("answered")
      idle = connect_http2(server)
      expect(idle.wait_goaway).to eq(:no_error)
      response.write("ended", ended: true)
      expect(received.pop).to eq("begun;ended")
      expect(client.wait_goaway).to eq(:no_error)
    end

    it "is not short for a client that reads slowly and answers the PING behind what it has not read" do
      server = serve_left_open(http2_ping_interval: 0.5, http2_ping_timeout: 0.5)
      @client = connect_http2(server, settings: { initial_window_size: 2_000_000_000 }, receive_buffer: 4096)
      client.open_window(2_000_000_000)
      response = client.request("GET", "/")
      stream = streams.pop
      stream.on_close { |error| notes << error }
      writing = Thread.new { stream.write("a" * 5_000_000) }
      eventually { writing.status == "sleep" }
      # Another connection has been given up meanwhile.
      silent = connect_http2(server, pongs: false)
      silent.request("GET", "/").status
      other = streams.pop
      other.on_close { |error| notes << [:other, error] }
      expect(silent).to be_ended
      expect(notes.pop.first).to eq(:other)
      expect(response.read_bytes(5_000_000).bytesize).to eq(5_000_000)
      writing.join
      stream.close
      expect(response.rest).to eq("")
    end

    it "is short for a client that answers no PING, and not for one that does" do
      server = serve_left_open(http2_ping_interval: 0.1, http2_ping_timeout: 1)
      response, stream = open_stream(server)
      stream.on_close { |error| notes << error }
      silent = connect_http2(server, pongs: false)
      silent.request("GET", "/").status
      streams.pop.on_close { |error| notes << [:silent, error] }
      client.wait_for("three PINGs") { client.frames.count { |frame| frame.type == :ping } == 3 }
      eventually { client.round_trip && !notes.empty? }
      expect(notes.pop).to match([:silent, an_instance_of(Errno::ECONNRESET)])
      stream.close
      expect(response.rest).to eq("")
    end
  end

  it "give a client that is silent all the time of http2_ping_timeout" do
    patient, hasty = [60, 0.2].map { |timeout| serve_left_open(http2_ping_interval: 0.2, http2_ping_timeout: timeout) }
    @client, other = [patient, hasty].map { |server| connect_http2(server, pongs: false).tap { |each| each.request("GET", "/").status } }
    expect(other).to be_ended
    client.round_trip
    expect(client.goaway).to be_nil
  end

  {
    "http2_max_local_resets: streams whose windows are opened too far" =>
      [:http2_max_local_resets, :window_update, [(2**31) - 1].pack("N")],
    "http2_max_pending_resets: streams that are reset before the application can be called" =>
      [:http2_max_pending_resets, :rst_stream, "\0\0\0\b"]
  }.each do |name, (setting, type, payload)|
    it "end a connection at #{name}" do
      server = serve(setting => 5, linger_timeout: 60, linger_total: 60) { [200, {}, ["ok"]] }
      client = connect_http2(server).ready
      head = Http2.block([[":method", "GET"], [":scheme", "http"], [":authority", "example.org"], [":path", "/"]])
      frames = Array.new(10) do |number|
        id = (2 * number) + 1
        [Http2::Frame.new(:headers, Http2::END_HEADERS | Http2::END_STREAM, id, head), Http2::Frame.new(type, 0, id, payload)]
      end
      client.raw.write(frames.flatten.map(&:bytes).join)
      expect(client).to be_ended
      # Who floods is not listened to until it has ended its side.
      eventually { server.server.stats[:connections].zero? }
    end
  end

  # Of each more than the 8 MiB that may come beside it.
  {
    "the heads of requests" => [{ headers: { "x-large" => "a" * 50_000 } }, 250, 200],
    "the bodies of requests" => [{ headers: { "content-length" => "100000" }, body: "a" * 100_000 }, 120, 200],
    "the bodies of requests that are refused" => [{ headers: { "content-length" => "200000" }, body: "a" * 200_000 }, 60, 413]
  }.each do |name, (request, count, status)|
    it "take #{name} for no flood" do
      client = connect_http2(serve(max_body_bytes: 150_000) { |env| env["rack.input"].read && [200, {}, ["ok"]] }).ready
      count.times { expect(client.request("POST", "/", **request).status).to eq(status) }
      expect(client.request("GET", "/").status).to eq(200)
    end
  end

  it "count the frames of a client also while its connection is closing" do
    server = serve_left_open(max_requests_per_connection: 2)
    @client = connect_http2(server, pongs: false)
    2.times { client.request("GET", "/").status }
    client.wait_goaway
    pings = Http2::Frame.new(:ping, 0, 0, "12345678").bytes * 1000
    expect { 2000.times { client.raw.pour(pings) } }.to raise_error(SystemCallError)
  end

  it "end a connection behind so many requests, and lose none of them" do
    client = connect_http2(serve(max_requests_per_connection: 3) { [200, {}, ["ok"]] })
    expect(Array.new(3) { client.request("GET", "/") }.map(&:body)).to all(eq("ok"))
    expect(client.wait_goaway).to eq(:no_error)
    expect(client).to be_ended
  end

  it "refuse more streams than may be open, and not the ones that are" do
    server = serve_left_open(http2_max_streams: 3)
    @client = connect_http2(server)
    responses = Array.new(3) { client.request("GET", "/").tap(&:status) }
    expect(client.request("GET", "/").reset_code).to eq(:refused_stream)
    Array.new(3) { streams.pop }.each(&:close)
    expect(responses.map(&:rest)).to all(eq(""))
    expect(client.request("GET", "/ordinary").body).to eq("ordinary")
  end

  it "are told to the client" do
    settings = { http2_max_streams: 7, http2_stream_window: 70_000, http2_connection_window: 200_000,
                 max_header_bytes: 10_000, max_header_fields: 50 }
    client = connect_http2(serve(**settings) { [200, {}, []] }).ready
    expect(client.settings).to include(Http2::SETTINGS[:max_concurrent_streams] => 7, Http2::SETTINGS[:initial_window_size] => 70_000,
                                       Http2::SETTINGS[:enable_connect_protocol] => 1,
                                       # RFC 9113 section 6.5.2 counts 32 bytes more for each field.
                                       Http2::SETTINGS[:max_header_list_size] => 10_000 + (50 * 32))
    client.round_trip
    expect(client.window).to eq(200_000)
  end
end
