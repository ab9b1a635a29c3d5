# frozen_string_literal: true

require "spec_helper"

RSpec.describe "Connections that break off" do
  extend RawCases

  # The first bytes of a TLS 1.3 ClientHello.
  tls_hello = "\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03#{"\x8A" * 32}\x20#{"\x5C" * 32}\x00\x20\x13\x02\x13\x03\x13\x01"

  head = "POST /upload HTTP/1.1\r\nHost: example.org\r\n"
  sized = "#{head}Content-Length: 10\r\n\r\n"
  chunked = "#{head}Transfer-Encoding: chunked\r\n\r\n"

  refuses 400, { "a TLS hello on a port without TLS" => tls_hello }, complete: false

  # A server, the application that records what it is called with, and what the process holds while nothing is going on.
  def serve_recorder
    app = Recorder.new
    server = serve(app)
    expect_alive(server)
    eventually { server.server.stats.fetch(:connections).zero? }
    [server, app, resource_counts]
  end

  # Expects that the connections have left nothing behind and that the next one is served.
  def expect_nothing_left(server, baseline)
    @clients.each(&:close)
    counts_return_to(baseline)
    expect_alive(server)
  end

  describe "the end of the stream in a head" do
    {
      "before the first byte" => "",
      "in an empty line" => "\r\n",
      "in the method" => "GE",
      "in the request line" => "GET / HT",
      "behind the request line" => "GET / HTTP/1.1\r\n",
      "in a field" => "GET / HTTP/1.1\r\nHost: exam",
      "before the empty line" => "GET / HTTP/1.1\r\nHost: example.org\r\n"
    }.each do |place, bytes|
      it "closes without a word #{place}" do
        server, app, baseline = serve_recorder
        client = connect(server).write(bytes).close_write
        expect(client.read_to_eof).to eq("")
        expect_nothing_left(server, baseline)
        expect(app.paths.uniq).to eq(["/alive"])
      end

      it "survives a reset #{place}" do
        server, app, baseline = serve_recorder
        connect(server).write(bytes).abort
        expect_nothing_left(server, baseline)
        expect(app.paths.uniq).to eq(["/alive"])
      end
    end
  end

  describe "the end of the stream behind a request" do
    {
      "without a body" => "GET /done HTTP/1.1\r\nHost: example.org\r\n\r\n",
      "with a body" => "POST /done HTTP/1.1\r\nHost: example.org\r\nContent-Length: 5\r\n\r\nhello",
      "with chunks" => "POST /done HTTP/1.1\r\nHost: example.org\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    }.each do |description, bytes|
      it "answers a request #{description}, then closes" do
        server, = serve_recorder
        client = connect(server).write(bytes).close_write
        expect(client.read_response.body).to eq("ok")
        expect(client).to be_eof
      end
    end

    it "still answers when the application takes its time" do
      latch = Latch.new
      server = serve { latch.wait && [200, {}, ["late"]] }
      client = connect(server).write(request_bytes("GET", "/")).close_write
      eventually { latch.waiting == 1 }
      latch.open
      expect(client.read_response.body).to eq("late")
    end
  end

  describe "a body of known length" do
    it "answers 400 to its early end, and does not call the application" do
      server, app, baseline = serve_recorder
      client = connect(server).write("#{sized}hello").close_write
      expect(client.read_response.status).to eq(400)
      expect(client).to be_ended
      expect_nothing_left(server, baseline)
      expect(app.paths.uniq).to eq(["/alive"])
    end

    it "does not call the application for one that ends in a reset" do
      server, app, baseline = serve_recorder
      connect(server).write("#{sized}hello").abort
      expect_nothing_left(server, baseline)
      expect(app.paths.uniq).to eq(["/alive"])
    end

    it "makes reading raise where the application did not want to wait for the whole" do
      app = Recorder.new
      server = serve(app, request_buffering: false)
      client = connect(server).write("#{sized}hello").close_write
      expect(client.read_response.status).to eq(400)
      expect(client).to be_ended
      expect(app.calls).to match([have_attributes(body: nil, error: be_a(StandardError))])
      expect_alive(server)
    end
  end

  describe "a chunked body" do
    {
      "before the first chunk" => "",
      "in a chunk's size" => "1",
      "in a chunk's data" => "5\r\nhel",
      "behind a chunk's data" => "5\r\nhello",
      "between chunks" => "5\r\nhello\r\n",
      "in the last chunk" => "5\r\nhello\r\n0\r\n",
      "in the trailers" => "5\r\nhello\r\n0\r\nX-Sum: 1\r\n"
    }.each do |place, bytes|
      it "makes reading raise and answers 400 when the stream ends #{place}" do
        server, app, baseline = serve_recorder
        client = connect(server).write(chunked + bytes).close_write
        expect(client.read_response.status).to eq(400)
        expect(client).to be_ended
        expect(app.calls.last).to have_attributes(body: nil, error: be_a(StandardError))
        expect_nothing_left(server, baseline)
      end

      it "makes reading raise when the connection is reset #{place}" do
        server, app, baseline = serve_recorder
        client = connect(server).write(chunked + bytes)
        eventually { app.started == 2 }
        client.abort
        eventually { app.calls.size == 2 }
        expect(app.calls.last).to have_attributes(body: nil, error: be_a(StandardError))
        expect_nothing_left(server, baseline)
      end
    end
  end
end
