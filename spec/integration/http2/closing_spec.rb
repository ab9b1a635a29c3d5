# frozen_string_literal: true

require "spec_helper"
require "support/http2/streaming"

# RFC 9113 section 6.8; robustness, line 23.
RSpec.describe "HTTP/2 at the server's end" do
  include StreamingHelper
  include Http2::Streaming

  it "says GOAWAY twice, finishes the streams in flight, and does not wait for the deadline", limit: 20 do
    server = serve_left_open
    response, stream = open_stream(server)
    stopping = Thread.new { server.stop(timeout: 60) }
    client.wait_for("two GOAWAYs") { client.frames.count { |frame| frame.type == :goaway } == 2 }
    last_streams = client.frames.filter_map { |frame| frame.payload.unpack1("N") if frame.type == :goaway }
    expect(last_streams).to eq([(2**31) - 1, response.id])
    stream.write("still served")
    stream.close
    expect(response.rest).to eq("still served")
    expect(client.goaway.last).to eq(:no_error)
    expect(client).to be_ended
    client.close
    expect(stopping.join(10)).to be(stopping)
  end

  it "serves a request that crosses the first GOAWAY" do
    server = serve_left_open(linger_timeout: 0.1)
    response, stream = open_stream(server, pongs: false)
    stopping = Thread.new { server.stop(timeout: 60) }
    client.wait_for("a GOAWAY") { client.goaway }
    expect(client.request("GET", "/ordinary").body).to eq("ordinary")
    stream.close
    expect(response.rest).to eq("")
    stopping.join
  end

  it "closes idle connections at once" do
    server = serve { [200, {}, ["ok"]] }
    client = connect_http2(server)
    expect(client.request("GET", "/").body).to eq("ok")
    before = now
    stopping = Thread.new { server.stop(timeout: 60) }
    expect(client).to be_ended
    stopping.join
    expect(now - before).to be < 3
  end

  it "is not held up by a client that does not let an idle connection go" do
    server = serve(linger_timeout: 0.1) { [200, {}, ["ok"]] }
    client = connect_http2(server, pongs: false)
    expect(client.request("GET", "/").body).to eq("ok")
    stopping = Thread.new { server.stop(timeout: 60) }
    expect(stopping.join(10)).to be(stopping)
  end

  it "breaks off at the deadline what has not ended, and tells the application" do
    server = serve_left_open
    response, stream = open_stream(server)
    stream.on_close { |error| notes << error }
    server.stop(timeout: 0.1)
    expect(notes.pop).to be_a(Errno::EPIPE)
    expect { response.rest }.to raise_error(RawClient::Truncated)
  end

  it "ends a hijacked stream at the deadline" do
    sockets = Queue.new
    server = serve do |env|
      sockets << env["rack.hijack"].call
      [-1, {}, []]
    end
    connect_http2(server).request("GET", "/")
    socket = sockets.pop
    socket.write("HTTP/1.1 200 OK\r\n\r\n")
    server.stop(timeout: 0.1)
    expect(socket.read).to eq("")
  end

  it "sends all of a large response before it closes" do
    server = serve(max_requests_per_connection: 1) { [200, {}, ["a" * 3_000_000]] }
    client = connect_http2(server)
    expect(client.request("GET", "/").rest.bytesize).to eq(3_000_000)
    expect(client).to be_ended
  end

  it "waits no longer than linger_timeout for a client, but for as long as one takes that reads slowly" do
    finished = Queue.new
    server = serve(max_requests_per_connection: 20, linger_timeout: 0.2) do |env|
      env["rack.response_finished"] << ->(*) { finished << true }
      [200, {}, ["a" * 60_000]]
    end
    slow = connect_http2(server, settings: { initial_window_size: 2_000_000 }, receive_buffer: 4096)
    slow.open_window(2_000_000)
    responses = Array.new(20) { slow.request("GET", "/") }
    # Of all that they have left nothing waits for the application any more.
    20.times { finished.pop }
    holding = connect_http2(server, pongs: false)
    20.times { holding.request("GET", "/").body }
    expect(holding).to be_ended
    expect(responses.map { |response| response.rest.bytesize }).to all(eq(60_000))
    expect(slow).to be_ended
  end
end
