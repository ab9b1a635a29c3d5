# frozen_string_literal: true

require "spec_helper"

RSpec.describe "Limits of a request" do
  extend RawCases

  # A request with a target of `bytes` bytes.
  def self.target(bytes)
    "GET /#{"a" * (bytes - 1)} HTTP/1.1\r\nHost: example.org\r\n\r\n"
  end

  # A request with `count` fields.
  def self.fields(count)
    "GET / HTTP/1.1\r\nHost: example.org\r\n#{"X: a\r\n" * (count - 1)}\r\n"
  end

  # A request whose head has `bytes` bytes, the empty line included.
  def self.head(bytes)
    bare = "GET / HTTP/1.1\r\nHost: example.org\r\nX: \r\n\r\n"
    bare.sub("X: ", "X: #{"a" * (bytes - bare.bytesize)}")
  end

  # A POST with a body of `bytes` bytes.
  def self.sized(bytes)
    "POST / HTTP/1.1\r\nHost: example.org\r\nContent-Length: #{bytes}\r\n\r\n#{"a" * bytes}"
  end

  # A POST with one chunk of `bytes` bytes.
  def self.chunked(bytes)
    "POST / HTTP/1.1\r\nHost: example.org\r\nTransfer-Encoding: chunked\r\n\r\n#{bytes.to_s(16)}\r\n#{"a" * bytes}\r\n0\r\n\r\n"
  end

  describe "by default" do
    accepts({
      "a target of 8 KiB" => target(8192),
      "100 fields" => fields(100),
      "a head of 60 KiB" => head(60 * 1024),
      "a body of 1 MiB" => [sized(1 << 20), { body: "a" * (1 << 20) }],
      "a chunk of 1 MiB" => [chunked(1 << 20), { body: "a" * (1 << 20) }]
    })

    refuses 414, {
      "a target of 8 KiB and a byte" => target(8193),
      "a query of 9,000 bytes" => target(9000).sub("/a", "/?")
    }
    refuses [414, 431], { "a target of 100 KiB" => target(100 * 1024) }
    refuses 431, {
      "101 fields" => fields(101),
      "1,000 fields" => fields(1000),
      "a head of 70 KiB" => head(70 * 1024),
      "a field name of 70 KiB" => head(100).sub("X", "X" * 70 * 1024)
    }

    refuses 431, { "a head without end" => "GET / HTTP/1.1\r\nHost: example.org\r\n#{"X-Long: #{"a" * 1000}\r\n" * 80}" }, complete: false
    refuses [414, 431], { "a request line without end" => "GET /#{"a" * 100 * 1024}" }, complete: false
    refuses [400, 501, 414, 431], { "a method without end" => "A" * 100 * 1024 }, complete: false
  end

  describe "as settings" do
    accepts({ "a target of max_uri_bytes" => target(100) }, max_uri_bytes: 100)
    refuses 414, { "a target of max_uri_bytes and one" => target(101) }, max_uri_bytes: 100

    accepts({ "max_header_fields fields" => fields(10) }, max_header_fields: 10)
    refuses 431, { "max_header_fields and one" => fields(11) }, max_header_fields: 10

    accepts({ "a head within max_header_bytes" => head(16_000) }, max_header_bytes: 16_384)
    refuses 431, { "a head above max_header_bytes" => head(20_000) }, max_header_bytes: 16_384

    accepts({
      "a body of max_body_bytes" => [sized(1000), { body: "a" * 1000 }],
      "a chunk of max_body_bytes" => [chunked(1000), { body: "a" * 1000 }]
    }, max_body_bytes: 1000)
    refuses 413, { "a body of max_body_bytes and one" => sized(1001) }, max_body_bytes: 1000

    it "refuses chunks above max_body_bytes with 413, and reading raises" do
      app = Recorder.new
      server = serve(app, max_body_bytes: 1000)
      client = connect(server).offer(self.class.chunked(1001) + RawCases::PIPELINED)
      expect(client.read_response.status).to eq(413)
      expect(client).to be_ended
      expect(app.calls.map(&:body).uniq - [nil]).to be_empty
      expect(app.paths - ["/"]).to be_empty
      expect_alive(server)
    end

    it "refuses trailers above max_trailer_bytes" do
      app = Recorder.new
      server = serve(app, max_trailer_bytes: 100)
      client = connect(server).offer(self.class.chunked(5).sub(/\r\n\z/, "X: #{"a" * 200}\r\n\r\n"))
      expect(client.read_response.status).to eq(400).or eq(431)
      expect(client).to be_ended
      expect(app.calls.filter_map(&:body)).to be_empty
      expect_alive(server)
    end
  end

  # A server that closes with bytes unread resets the connection, and the reset can overtake the response
  # (RFC 9112 section 9.6): it has to read on for a while.
  describe "the lingering close" do
    body = "a" * (4 << 20)

    {
      "413 for its length" => [413, "POST / HTTP/1.1\r\nHost: example.org\r\nContent-Length: #{body.bytesize}\r\n\r\n",
                               { max_body_bytes: 1000 }],
      "414 for its target" => [414, "POST /#{"a" * 9000} HTTP/1.1\r\nHost: example.org\r\nContent-Length: #{body.bytesize}\r\n\r\n", {}],
      "431 for its fields" =>
        [431, "POST / HTTP/1.1\r\nHost: example.org\r\nContent-Length: #{body.bytesize}\r\n#{"X: a\r\n" * 200}\r\n", {}],
      "501 for its method" => [501, "BREW / HTTP/1.1\r\nHost: example.org\r\nContent-Length: #{body.bytesize}\r\n\r\n", {}],
      "400 for its Host" => [400, "POST / HTTP/1.1\r\nContent-Length: #{body.bytesize}\r\n\r\n", {}]
    }.each do |description, (status, head, settings)|
      it "lets a client that sends 4 MiB first read #{description}" do
        server = serve(Recorder.new, **settings)
        client = connect(server).write(head).write(body)
        expect(client.read_response.status).to eq(status)
        client.close_write
        expect(client).to be_eof
        expect_alive(server)
      end
    end

    # Expects that the server takes no more bytes: its descriptor is closed, not only its sending half.
    def expect_closed_for_bytes(client)
      eventually do
        client.write("a")
        false
      rescue Errno::EPIPE, Errno::ECONNRESET
        true
      end
    end

    it "ends when the client has sent nothing for linger_timeout" do
      server = serve(Recorder.new, max_body_bytes: 1000, linger_timeout: 0.3)
      client = connect(server).write("POST / HTTP/1.1\r\nHost: example.org\r\nContent-Length: 2000\r\n\r\n")
      expect(client.read_response.status).to eq(413)
      expect(client).to be_eof
      eventually { server.server.stats.fetch(:connections).zero? }
      expect_closed_for_bytes(client)
    end

    it "ends when linger_total has passed, though the client goes on sending" do
      server = serve(Recorder.new, max_body_bytes: 1000, linger_timeout: 30, linger_total: 0.3)
      client = connect(server).write("POST / HTTP/1.1\r\nHost: example.org\r\nContent-Length: 200000\r\n\r\n")
      expect(client.read_response.status).to eq(413)
      expect_closed_for_bytes(client)
    end
  end
end
