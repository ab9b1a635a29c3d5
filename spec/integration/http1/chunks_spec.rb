# frozen_string_literal: true

require "spec_helper"

RSpec.describe "Chunked requests (RFC 9112 section 7.1)" do
  extend RawCases

  # The head of a chunked POST and these bytes as its body.
  def self.chunked(body)
    "POST /upload HTTP/1.1\r\nHost: example.org\r\nTransfer-Encoding: chunked\r\n\r\n#{body}"
  end

  describe "framing" do
    accepts({
      "one chunk" => [chunked("5\r\nhello\r\n0\r\n\r\n"), { body: "hello" }],
      "several chunks" => [chunked("2\r\nhe\r\n1\r\nl\r\n2\r\nlo\r\n0\r\n\r\n"), { body: "hello" }],
      "no chunk" => [chunked("0\r\n\r\n"), { body: "" }],
      "sizes in either case" => [chunked("a\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n\r\n"), { body: "01234567890123456789a" }],
      "leading zeros" => [chunked("005\r\nhello\r\n000\r\n\r\n"), { body: "hello" }],
      "an extension" => [chunked("5;a=b\r\nhello\r\n0;c\r\n\r\n"), { body: "hello" }],
      "an extension with a quoted value" => [chunked("5;a=\"b c\"\r\nhello\r\n0\r\n\r\n"), { body: "hello" }],
      "CR and LF in the data" => [chunked("4\r\n\r\n\r\n\r\n0\r\n\r\n"), { body: "\r\n\r\n" }]
    })
  end

  # The application is called at the head, so that it may have been called; what it must not get is a body that looks whole.
  describe "malformed chunks" do
    {
      "a size that is no number" => "x\r\nhello\r\n0\r\n\r\n",
      "an empty size" => "\r\nhello\r\n0\r\n\r\n",
      "a negative size" => "-5\r\nhello\r\n0\r\n\r\n",
      "a size with a plus sign" => "+5\r\nhello\r\n0\r\n\r\n",
      "a size with 0x" => "0x5\r\nhello\r\n0\r\n\r\n",
      "a size with an underscore" => "0_5\r\nhello\r\n0\r\n\r\n",
      "a blank before the size" => " 5\r\nhello\r\n0\r\n\r\n",
      "a size of 17 digits" => "fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
      "a size that overflows to 5" => "10000000000000005\r\nhello\r\n0\r\n\r\n",
      "a size that ends in a sole LF" => "5\nhello\r\n0\r\n\r\n",
      "a size that ends in a sole CR" => "5\rhello\r\n0\r\n\r\n",
      "an extension with a sole CR" => "5;a\rb\r\nhello\r\n0\r\n\r\n",
      "an extension with a sole LF" => "5;a\nb\r\nhello\r\n0\r\n\r\n",
      "an extension of more than 16 KiB" => "5;#{"a" * 17_000}\r\nhello\r\n0\r\n\r\n",
      "extensions of more than 16 KiB together" => "#{"1;#{"a" * 1000}\r\nx\r\n" * 20}0\r\n\r\n",
      "data that is longer than its size" => "5\r\nhelloo\r\n0\r\n\r\n",
      "data without CRLF" => "5\r\nhello0\r\n\r\n",
      "data that ends in a sole LF" => "5\r\nhello\n0\r\n\r\n",
      "data that ends in a sole CR" => "5\r\nhello\r0\r\n\r\n",
      "a malformed chunk behind a good one" => "5\r\nhello\r\nx\r\n\r\n"
    }.each do |description, body|
      it "refuses #{description} with 400, and reading raises" do
        app = Recorder.new
        server = serve(app)
        expect_refusal(server, self.class.chunked(body) + RawCases::PIPELINED, 400)
        expect(app.paths - ["/upload"]).to be_empty
        expect(app.calls).to all(have_attributes(body: nil, error: be_a(StandardError)))
        expect_alive(server)
      end
    end

    # The greatest size that fits: the bytes that follow are data, and the stream ends among them.
    it "does not let 2^64 - 1 wrap around" do
      app = Recorder.new
      server = serve(app)
      client = connect(server).offer(self.class.chunked("ffffffffffffffff\r\nhello\r\n0\r\n\r\n") + RawCases::PIPELINED).close_write
      expect(client.read_response.status).to eq(400).or eq(413)
      expect(client).to be_ended
      expect(app.paths - ["/upload"]).to be_empty
      expect(app.calls.map(&:body) - [nil]).to be_empty
      expect_alive(server)
    end
  end

  describe "trailers (RFC 9110 section 6.5)" do
    accepts({
      "a trailer, which stays out of env" =>
        [chunked("5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"), { "HTTP_X_SUM" => nil, body: "hello" }],
      "Content-Length, which has no effect" =>
        [chunked("5\r\nhello\r\n0\r\nContent-Length: 3\r\n\r\n"), { "CONTENT_LENGTH" => nil, "HTTP_CONTENT_LENGTH" => nil, body: "hello" }],
      "Transfer-Encoding, which has no effect" =>
        [chunked("5\r\nhello\r\n0\r\nTransfer-Encoding: gzip\r\n\r\n"), { "HTTP_TRANSFER_ENCODING" => "chunked", body: "hello" }],
      "Host, which has no effect" =>
        [chunked("5\r\nhello\r\n0\r\nHost: evil.example\r\n\r\n"),
         { "HTTP_HOST" => "example.org", "SERVER_NAME" => "example.org", body: "hello" }]
    })

    it "offers trailers in env[\"penstock.trailers\"] once the body has been read, without the fields that frame or route" do
      seen = Queue.new
      server = serve do |env|
        seen << env["penstock.trailers"]
        env["rack.input"].read
        seen << env["penstock.trailers"]
        [200, {}, []]
      end
      fields = "X-Sum: 1\r\nContent-Length: 3\r\nTransfer-Encoding: gzip\r\nHost: evil.example\r\nX-Other: 2\r\n"
      client = connect(server).write(self.class.chunked("5\r\nhello\r\n0\r\n#{fields}\r\n"))
      expect(client.read_response.status).to eq(200)
      expect(seen.pop).to be_nil
      expect(seen.pop).to eq("x-sum" => "1", "x-other" => "2")
    end

    {
      "without a colon" => "X\r\n",
      "with a blank before the colon" => "X : a\r\n",
      "with NUL" => "X: \0\r\n",
      "that are longer than 16 KiB" => "X: #{"a" * 17_000}\r\n"
    }.each do |description, trailers|
      it "refuses trailers #{description} with 400 or 431" do
        app = Recorder.new
        server = serve(app)
        expect_refusal(server, self.class.chunked("5\r\nhello\r\n0\r\n#{trailers}\r\n") + RawCases::PIPELINED, [400, 431])
        expect(app.paths - ["/upload"]).to be_empty
        expect_alive(server)
      end
    end
  end
end
