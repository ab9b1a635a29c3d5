# frozen_string_literal: true

require "spec_helper"

RSpec.describe "The access log" do
  # The fields behind the request of the line about a path.
  def entry(server, path)
    number = /\d+\.\d+/
    times = /queue=(?<queue>#{number}) ruby=(?<ruby>#{number}) total=(?<total>#{number})/
    pattern = %r{"GET #{path} HTTP/1\.1" (?<status>\d+) (?<bytes>\d+) #{times}}
    eventually { server.log.match(pattern) }.named_captures.transform_values { |value| Float(value) }
  end

  it "has the status, the bytes of the body, and the seconds in the queue, in Ruby and in all" do
    latch = Latch.new
    server = serve(threads: 1, access_log: true) do |env|
      latch.wait if env["PATH_INFO"] == "/held"
      [200, {}, ["hello, ", "world"].each]
    end
    held = connect(server).write(request_bytes("GET", "/held"))
    eventually { latch.waiting == 1 }
    queued = connect(server).write(request_bytes("GET", "/queued"))
    eventually { server.server.stats[:queued] == 1 }
    start = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    eventually { Process.clock_gettime(Process::CLOCK_MONOTONIC) - start > 0.3 }
    latch.open
    [held, queued].each(&:read_response)
    expect(entry(server, "/held")).to include("status" => 200, "queue" => be < 0.3, "ruby" => be >= 0.3, "total" => be >= 0.3)
    expect(entry(server, "/queued")).to include("bytes" => be >= 12, "queue" => be >= 0.3, "ruby" => be < 0.3, "total" => be >= 0.3)
  end

  it "has 499 where the client left, with what was sent until then" do
    streams = Queue.new
    server = serve(access_log: true) { [200, {}, ->(stream) { streams << stream.tap { stream.write("hello") } }] }
    client = connect(server).write(request_bytes("GET", "/left"))
    client.read_until("hello")
    client.abort
    expect(entry(server, "/left")).to include("status" => 499, "bytes" => be >= 5)
    expect(streams.pop).to be_closed
  end

  it "has 499 where the client left before there was a response" do
    latch = Latch.new
    server = serve(access_log: true) { latch.wait && [200, {}, []] }
    client = connect(server).write(request_bytes("GET", "/early"))
    eventually { latch.waiting == 1 }
    client.abort
    expect(entry(server, "/early")).to include("status" => 499, "bytes" => 0)
    latch.open
  end

  it "has a line for each stream of HTTP/2, whatever becomes of it" do
    opened = Queue.new
    latch = Latch.new
    server = serve(access_log: true) do |env|
      latch.wait if env["PATH_INFO"] == "/early"
      next [200, {}, env["PATH_INFO"] == "/left" ? ->(stream) { opened << stream } : ["ok"]] unless env["PATH_INFO"] == "/hijacked"

      env["rack.hijack"].call.tap { |socket| socket.write("HTTP/1.1 204 No Content\r\n\r\n") }.close
      [-1, {}, []]
    end
    client = connect_http2(server)
    %w[/whole /hijacked].each { |path| client.request("GET", path).status }
    early = client.request("GET", "/early")
    eventually { latch.waiting == 1 }
    early.reset
    client.request("GET", "/left").tap(&:status).reset
    expected = [%w[/early 499], %w[/hijacked hijacked], %w[/left 499], %w[/whole 200]]
    eventually { expect(server.log.scan(%r{"GET (\S+) HTTP/2\.0" (\w+)}).sort).to eq(expected) }
    latch.open
  end

  it "has 499 for a request of HTTP/2 that is reset in the same breath, of which the application never hears" do
    paths = Queue.new
    server = serve(access_log: true) { |env| paths << env["PATH_INFO"] and [200, {}, []] }
    client = connect_http2(server)
    expect(client.request("GET", "/first").status).to eq(200)
    fields = { ":method" => "GET", ":scheme" => "http", ":authority" => "example.org", ":path" => "/given-up" }
    head = Http2::Frame.new(:headers, Http2::END_HEADERS | Http2::END_STREAM, 3, Http2.block(fields.to_a))
    client.raw.write(head.bytes + Http2::Frame.new(:rst_stream, 0, 3, "\0\0\0\b").bytes)
    eventually { server.log.include?('"GET /given-up HTTP/2.0" 499 0 ') }
    expect(server.server.stats[:requests]).to eq(2)
    client.skip_streams(1)
    expect(client.request("GET", "/last").status).to eq(200)
    expect(Array.new(paths.size) { paths.pop }).to eq(%w[/first /last])
  end
end
