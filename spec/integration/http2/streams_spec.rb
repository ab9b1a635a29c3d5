# frozen_string_literal: true

require "spec_helper"
require "time"
require "support/http2/streaming"
require "support/streaming/examples"

RSpec.describe "HTTP/2 streams" do
  include StreamingHelper
  include Http2::Streaming

  StreamingForms::ALL.each_key do |form|
    describe "with #{form}", rack: StreamingForms.rack(form) do
      it_behaves_like("a streaming response", form) { include Http2::Streaming }
    end
  end

  it "go on while one of them is read by nobody" do
    server = serve_left_open(send_buffer_bytes: 10_000)
    @client = connect_http2(server, opens_windows: false)
    responses, opened = Array.new(100) { client.request("GET", "/").tap(&:status).then { |response| [response, streams.pop] } }.transpose
    # Its own window, and what the server keeps of it, are full.
    stuck = Thread.new { opened.first.write("a" * 200_000) }
    client.wait_for("the first window's worth") { responses.first.received.bytesize >= 65_535 }
    # What it has taken of the connection's window is opened again, its own is not.
    client.open_window(1_000_000)
    opened.drop(1).each_with_index { |stream, number| stream.write("number #{number};") }
    expect(responses.drop(1).map { |response| response.text_until(";") }).to eq(Array.new(99) { |number| "number #{number};" })
    expect(stuck).to be_alive
    client.open_window(200_000, stream: responses.first.id)
    client.wait_for("the rest") { responses.first.received.bytesize == 200_000 }
    expect(stuck.join(5)).to be(stuck)
    opened.each(&:close)
    expect(responses.map { |response| response.rest.bytesize }).to eq([200_000, *[0] * 99])
  end

  it "of one connection may be written to by many threads, and each gets its bytes whole and in order" do
    server = serve_left_open
    @client = connect_http2(server)
    responses, opened = Array.new(100) { client.request("GET", "/").tap(&:status).then { |response| [response, streams.pop] } }.transpose
    writers = Array.new(8) do |writer|
      Thread.new { 10.times { |round| opened.each { |stream| stream.write("<#{writer}:#{round}:#{"x" * (round * 50)}>") } } }
    end
    closing = Thread.new { writers.each(&:join) && opened.each(&:close) }
    texts = responses.map(&:rest)
    closing.join
    whole = Array.new(8) { |writer| Array.new(10) { |round| "<#{writer}:#{round}:#{"x" * (round * 50)}>" } }
    texts.each do |text|
      pieces = text.scan(/<[^>]*>/)
      expect(pieces.join).to eq(text)
      expect(pieces.group_by { |piece| piece[1] }.sort.map(&:last)).to eq(whole)
    end
  end

  it "are bidirectional: the end of the request does not mean that the client has gone" do
    server = serve_stream { |stream, _env| streams << stream }
    response = open_response(server)
    response.status
    client.round_trip
    stream = streams.pop
    expect(stream).not_to be_closed
    stream.write("still there")
    stream.close
    expect(response.rest).to eq("still there")
  end

  it "tell that the client has reset them, with nothing written" do
    response, stream = open_stream(serve_left_open)
    stream.on_close { |error| notes << error }
    response.reset
    expect(notes.pop).to be_a(Errno::ECONNRESET)
    expect { stream.write("late") }.to raise_error(Errno::ECONNRESET)
    expect(ordinary).to eq("ordinary")
  end

  it "end with their connection" do
    server = serve_left_open
    @client = connect_http2(server)
    opened = Array.new(3) { client.request("GET", "/").tap(&:status) && streams.pop }
    opened.each { |stream| stream.on_close { |error| notes << error } }
    client.close
    expect(Array.new(3) { notes.pop }).to all(be_a(SystemCallError))
  end

  it "are broken off by a code where a body breaks" do
    server = serve do |env|
      next [200, { "content-length" => "9" }, ["short"]] if env["PATH_INFO"] == "/short"

      [200, {}, env["PATH_INFO"] == "/each" ? Enumerator.new { |lines| lines << "begun;" << raise("broken") } : ->(*) { raise "broken" }]
    end
    @client = connect_http2(server)
    %w[/short /each /call].each { |path| expect(client.request("GET", path).reset_code).to eq(:internal_error) }
    expect(client.request("GET", "/short").status).to eq(200)
  end

  it "are broken off at once, also where nothing is on its way any more" do
    latch = Latch.new
    server = serve_stream do |stream, _env|
      stream.write("begun;")
      latch.wait
      raise "broken"
    end
    response = open_response(server)
    expect(response.text_until(";")).to eq("begun;")
    client.round_trip
    latch.open
    expect(response.reset_code).to eq(:internal_error)
  end

  it "are broken off behind all that was written, also where the client reads slowly" do
    server = serve_stream(send_buffer_bytes: 1_000_000) do |stream, _env|
      stream.write("a" * 1_000_000)
      raise "broken"
    end
    @client = connect_http2(server, settings: { initial_window_size: 2_000_000 }, receive_buffer: 4096)
    client.open_window(2_000_000)
    response = client.request("GET", "/")
    eventually { server.log.include?("broken") }
    expect(response.read_bytes(1_000_000).count("a")).to eq(1_000_000)
    expect(response.reset_code).to eq(:internal_error)
  end

  it "with a length are cut at it, and end with it" do
    server = serve_stream(headers: { "content-length" => "5" }) do |stream, _env|
      stream.write("12345678")
      streams << stream
    end
    response = open_response(server)
    expect([response["content-length"], response.rest]).to eq(%w[5 12345])
    expect(streams.pop).to be_closed
  end

  {
    "HEAD" => ["HEAD", 200, nil], "204" => ["GET", 204, nil], "304" => ["GET", 304, nil], "GET" => ["GET", 200, "body"]
  }.each do |name, (method, status, body)|
    it "have a body where they may: #{name}" do
      response = connect_http2(serve { [status, {}, ["body"]] }).request(method, "/")
      expect([response.status, response.rest]).to eq([status, body.to_s])
      expect(response["content-length"]).to eq(body && "4")
    end
  end

  it "have none behind a HEAD, whoever answers it" do
    latch = Latch.new
    server = serve(threads: 1, queue_timeout: 0.5) do |env|
      latch.wait if env["PATH_INFO"] == "/wait"
      raise "broken" if env["PATH_INFO"] == "/raise"

      [200, {}, ["ok"]]
    end
    @client = connect_http2(server)
    client.request("GET", "/wait")
    eventually { server.server.stats[:queued].zero? }
    late = client.request("HEAD", "/")
    expect([late.status, late.rest]).to eq([503, ""])
    latch.open
    long = client.request("HEAD", "/#{"a" * 9000}")
    expect([long.status, long.rest]).to eq([414, ""])
    expect(client.request("HEAD", "/raise").then { |response| [response.status, response.rest] }).to eq([500, ""])
  end

  it "send files, arrays and what `each` yields" do
    path = File.join(temporary_folder, "file").tap { |name| File.write(name, "f" * 300_000) }
    each = Enumerator.new { |all| 30.times { all << ("e" * 10_000) } }
    bodies = { "/file" => -> { File.open(path) }, "/array" => -> { ["a" * 300_000] }, "/each" => -> { each } }
    server = serve { |env| [200, {}, bodies.fetch(env["PATH_INFO"]).call] }
    @client = connect_http2(server)
    responses = %w[/file /array /each].map { |name| client.request("GET", name) }
    expect(responses.map { |response| [response["content-length"], response.rest.squeeze, response.status] })
      .to eq([["300000", "f", 200], ["300000", "a", 200], [nil, "e", 200]])
  end

  it "carry no field of a connection, and a Date" do
    headers = { "connection" => "close", "keep-alive" => "timeout=5", "transfer-encoding" => "identity", "upgrade" => "h2c",
                "proxy-connection" => "close", "te" => "gzip", "x-name" => "value" }
    client = connect_http2(serve { [200, headers, ["ok"]] })
    response = client.request("GET", "/")
    expect(response.headers.keys).to contain_exactly("x-name", "content-length", "date")
    expect(Time.httpdate(response["date"])).to be_within(5).of(Time.now)
  end

  it "carry the application's own Date, and the length that it gives behind a HEAD" do
    headers = { "date" => "Sun, 06 Nov 1994 08:49:37 GMT", "content-length" => "4" }
    response = connect_http2(serve { [200, headers, []] }).request("HEAD", "/")
    expect([response.rest, response.headers]).to eq(["", headers.transform_values { |value| [value] }])
  end

  it "unpack what the application has chunked itself" do
    body = "5\r\nhello\r\n0\r\n\r\n"
    client = connect_http2(serve { [200, { "transfer-encoding" => "chunked" }, [body]] })
    expect(client.request("GET", "/").body).to eq("hello")
  end

  it "have no length of a body where none may be" do
    client = connect_http2(serve { [204, { "content-length" => "0" }, []] })
    response = client.request("GET", "/")
    expect([response.status, response.rest, response["content-length"]]).to eq([204, "", nil])
  end

  it "send early hints before the application has answered" do
    latch = Latch.new
    server = serve(early_hints: true) do |env|
      # Fields that HTTP/2 has not must not cost the hint.
      env["rack.early_hints"].call("link" => "</a.css>; rel=preload", "upgrade" => "h2c", "te" => "trailers")
      latch.wait
      [200, {}, ["ok"]]
    end
    client = connect_http2(server)
    response = client.request("GET", "/")
    client.wait_for("a 103") { response.interim.any? }
    expect(response.interim).to match([[103, a_hash_including("link" => ["</a.css>; rel=preload"])]])
    latch.open
    expect([response.body, response.interim.size]).to eq(["ok", 1])
  end

  it "answer 101 only where it was asked for" do
    server = serve { [101, {}, lambda(&:close)] }
    expect(connect_http2(server).request("GET", "/").status).to eq(500)
    eventually { server.log.include?("has not offered to switch") }
  end
end
