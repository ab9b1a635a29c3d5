# frozen_string_literal: true

require "spec_helper"

RSpec.describe "The length of an HTTP/1 request (RFC 9112 section 6)" do
  extend RawCases

  # A POST with these field lines and this body.
  def self.post(*fields, body: "", version: "1.1")
    "POST / HTTP/#{version}\r\nHost: example.org\r\n#{fields.map { |field| "#{field}\r\n" }.join}\r\n#{body}"
  end

  chunked = "5\r\nhello\r\n0\r\n\r\n"

  describe "Content-Length" do
    refuses 400, {
      "a plus sign" => post("Content-Length: +5", body: "hello"),
      "a minus sign" => post("Content-Length: -5", body: "hello"),
      "a hexadecimal number" => post("Content-Length: 0x5", body: "hello"),
      "an underscore" => post("Content-Length: 1_0", body: "hellohello"),
      "a list of equal numbers" => post("Content-Length: 5, 5", body: "hello"),
      "a list of differing numbers" => post("Content-Length: 5, 6", body: "hello"),
      "two numbers" => post("Content-Length: 5 5", body: "hello"),
      "a fraction" => post("Content-Length: 5.0", body: "hello"),
      "an exponent" => post("Content-Length: 5e0", body: "hello"),
      "letters" => post("Content-Length: five", body: "hello"),
      "no number" => post("Content-Length:", body: "hello"),
      "a semicolon" => post("Content-Length: 5;a", body: "hello"),
      "a digit that is not ASCII" => post("Content-Length: \xD9\xA5", body: "hello"),
      "differing duplicates" => post("Content-Length: 5", "Content-Length: 6", body: "hello!"),
      "differing duplicates, the first one zero" => post("Content-Length: 0", "Content-Length: 5", body: "hello"),
      "2^64" => post("Content-Length: 18446744073709551616"),
      "a number of 40 digits" => post("Content-Length: #{"9" * 40}")
    }

    # hyper keeps the two largest numbers for itself and refuses them as it refuses a head that is too large.
    refuses [413, 431], {
      "2^64 - 1" => post("Content-Length: 18446744073709551615")
    }

    refuses 413, {
      "one byte more than 1 GiB" => post("Content-Length: #{(1 << 30) + 1}")
    }

    accepts({
      "a body" => [post("Content-Length: 5", body: "hello"), { "CONTENT_LENGTH" => "5", body: "hello" }],
      "zero" => [post("Content-Length: 0"), { "CONTENT_LENGTH" => "0", body: "" }],
      "no length, which is no body (RFC 9112 section 6.3)" => [post, { "CONTENT_LENGTH" => nil, body: "" }],
      "leading zeros" => [post("Content-Length: 005", body: "hello"), { body: "hello" }],
      "a body with GET" =>
        ["GET / HTTP/1.1\r\nHost: example.org\r\nContent-Length: 5\r\n\r\nhello", { body: "hello" }],
      "CR and LF in a body" => [post("Content-Length: 4", body: "\r\n\r\n"), { body: "\r\n\r\n" }],
      "a body that looks like a request" =>
        [post("Content-Length: #{RawCases::PIPELINED.bytesize}", body: RawCases::PIPELINED), { body: RawCases::PIPELINED }]
    })
  end

  describe "Transfer-Encoding" do
    refuses 400, {
      "it on HTTP/1.0 (RFC 9112 section 6.1)" => post("Transfer-Encoding: chunked", body: chunked, version: "1.0"),
      "chunked twice in one field" => post("Transfer-Encoding: chunked, chunked", body: chunked),
      "chunked twice in two fields" => post("Transfer-Encoding: chunked", "Transfer-Encoding: chunked", body: chunked)
    }

    refuses 501, {
      "gzip, chunked" => post("Transfer-Encoding: gzip, chunked", body: chunked),
      "gzip and chunked in two fields" => post("Transfer-Encoding: gzip", "Transfer-Encoding: chunked", body: chunked)
    }

    refuses [400, 501], {
      "an unknown coding" => post("Transfer-Encoding: cow", body: chunked),
      "gzip alone" => post("Transfer-Encoding: gzip", body: chunked),
      "identity" => post("Transfer-Encoding: identity", body: chunked),
      "chunked that is not the last" => post("Transfer-Encoding: chunked, gzip", body: chunked),
      "chunked and then identity in two fields" =>
        post("Transfer-Encoding: chunked", "Transfer-Encoding: identity", body: chunked),
      "an empty element before chunked" => post("Transfer-Encoding: ,chunked", body: chunked),
      "an empty element behind chunked" => post("Transfer-Encoding: chunked,", body: chunked),
      "an empty value" => post("Transfer-Encoding:", body: chunked),
      "a word that begins with chunked" => post("Transfer-Encoding: chunkedx", body: chunked),
      "a word that ends in chunked" => post("Transfer-Encoding: xchunked", body: chunked),
      "chunked with a parameter" => post("Transfer-Encoding: chunked;q=1", body: chunked),
      "chunked in quotes" => post("Transfer-Encoding: \"chunked\"", body: chunked),
      "chunked behind a vertical tab" => post("Transfer-Encoding: \vchunked", body: chunked)
    }

    accepts({
      "chunked" => [post("Transfer-Encoding: chunked", body: chunked), { body: "hello" }],
      "chunked in any case" => [post("Transfer-Encoding: CHUNKED", body: chunked), { body: "hello" }],
      "chunked between blanks" => [post("Transfer-Encoding: \t chunked \t", body: chunked), { body: "hello" }]
    })
  end

  # RFC 9112 section 6.1: the server may refuse both fields together, or take Transfer-Encoding and close. Never may it take
  # Content-Length, nor keep the connection.
  describe "Content-Length with Transfer-Encoding" do
    {
      "Content-Length first" => post("Content-Length: 3", "Transfer-Encoding: chunked", body: chunked),
      "Transfer-Encoding first" => post("Transfer-Encoding: chunked", "Content-Length: 3", body: chunked),
      "a length of zero" => post("Content-Length: 0", "Transfer-Encoding: chunked", body: chunked)
    }.each do |description, bytes|
      it "refuses #{description}, or takes the chunks and closes" do
        app = Recorder.new
        server = serve(app)
        client = connect(server).offer(bytes + RawCases::PIPELINED)
        response = client.read_response
        expect(response.status).to eq(400).or eq(200)
        expect(client).to be_ended
        expect(app.calls.map(&:body)).to eq(response.status == 200 ? ["hello"] : [])
        expect_alive(server)
      end
    end
  end
end
