# frozen_string_literal: true

require "spec_helper"
require "support/streaming/helper"

# RFC 9112 section 6: how the end of a streaming response shows.
RSpec.describe "The framing of a streaming response" do
  include StreamingHelper

  # Writes "hello, " and "world" and closes.
  hello = lambda do |stream, _env|
    stream << "hello, " << "world"
    stream.close
  end

  # The same with chunks that the application has made itself, one of them in two writes and one with an extension.
  own_chunks = lambda do |stream, _env|
    stream << "7\r\nhello, \r\n" << "3;name=value\r\nw" << "or\r\n2\r\nld\r\n" << "0\r\nx-trailer: 1\r\n\r\n"
    stream.close
  end

  counted = { "content-length" => "12" }
  close = { "connection" => "close" }
  chunked = { "transfer-encoding" => "chunked" }
  keep_alive = { "connection" => "keep-alive" }

  # Version and fields of the request, fields and code of the response; how it has to be framed, and whether the connection
  # goes on.
  rows = {
    "nothing said" => ["HTTP/1.1", {}, {}, hello, :chunked, true],
    "a content-length" => ["HTTP/1.1", {}, counted, hello, :counted, true],
    "connection: close of the application" => ["HTTP/1.1", {}, close, hello, :chunked, false],
    "connection: close of the client" => ["HTTP/1.1", close, {}, hello, :chunked, false],
    "a content-length and connection: close" => ["HTTP/1.1", {}, counted.merge(close), hello, :counted, false],
    "chunks of the application" => ["HTTP/1.1", {}, chunked, own_chunks, :chunked, true],
    "chunks of the application and connection: close" => ["HTTP/1.1", {}, chunked.merge(close), own_chunks, :chunked, false],
    "HTTP/1.0" => ["HTTP/1.0", {}, {}, hello, :until_close, false],
    "HTTP/1.0 and keep-alive" => ["HTTP/1.0", keep_alive, {}, hello, :until_close, false],
    "HTTP/1.0 and a content-length" => ["HTTP/1.0", {}, counted, hello, :counted, false],
    "HTTP/1.0, a content-length and keep-alive" => ["HTTP/1.0", keep_alive, counted, hello, :counted, true],
    "HTTP/1.0 and chunks of the application" => ["HTTP/1.0", {}, chunked, own_chunks, :until_close, false]
  }

  # What an application may send in place of good chunks.
  bad_chunks = {
    "whose last is missing" => "3\r\none\r\n",
    "one of which is not whole" => "3\r\none\r\n5\r\ntw",
    "that are none" => "3\r\none\r\nno chunk"
  }

  # How a head says that its body is framed.
  def framing_of(response)
    return :chunked if response["transfer-encoding"] == "chunked" && response["content-length"].nil?
    return :counted if response["content-length"] == "12" && response["transfer-encoding"].nil?

    :until_close if response["content-length"].nil? && response["transfer-encoding"].nil?
  end

  # Whether the connection serves another request; if not, it has to end properly.
  def kept?
    client.offer(request_bytes("GET", "/ordinary"))
    client.read_response.body == "ordinary"
  rescue RawClient::Truncated
    expect(client).to be_ended
    false
  end

  StreamingForms::PLAIN.each do |form|
    describe "with #{form}" do
      rows.each do |name, (version, request, headers, code, framing, goes_on)|
        it "is #{framing.to_s.tr("_", " ")} and the connection #{goes_on ? "goes on" : "ends"}: #{name}" do
          server = serve_stream(form, headers: headers, &code)
          response = open_response(server, version: version, headers: request)
          expect([response.status, framing_of(response), response.rest]).to eq([200, framing, "hello, world"])
          expect(kept?).to be(goes_on)
        end
      end

      it "cuts what is longer than the content-length and keeps the connection in step" do
        server = serve_stream(form, headers: { "content-length" => "5" }) do |stream, _env|
          stream << "hello" << ", world"
          stream.close
        end
        expect(open_response(server).rest).to eq("hello")
        expect(kept?).to be(true)
        eventually { server.log.scan("longer than its content-length").size == 1 }
      end

      it "ends with the last byte of its content-length, also where the application keeps the stream" do
        server = serve_stream(form, headers: { "content-length" => "5" }) do |stream, env|
          env["penstock.stream"].on_close { |error| notes << error.inspect }
          stream << "hello"
          streams << env["penstock.stream"]
        end
        expect(open_response(server).rest).to eq("hello")
        eventually { notes.size == 1 }
        expect([notes.pop, streams.pop.closed?]).to eq(["nil", true])
        expect(kept?).to be(true)
      end

      it "logs once what is written behind a response that has nothing more to send" do
        server = serve_stream(form, headers: { "content-length" => "0" }) do |stream, _env|
          3.times { stream << "more" }
          stream.close
        end
        expect(open_response(server).rest).to eq("")
        expect(kept?).to be(true)
        eventually { server.log.scan("longer than its content-length").size == 1 }
      end

      it "breaks off what is shorter than the content-length" do
        server = serve_stream(form, headers: counted) do |stream, _env|
          stream << "hello"
          stream.close
        end
        response = open_response(server)
        expect(response.status).to eq(200)
        expect(client.read_bytes(5)).to eq("hello")
        expect(client).to be_ended
      end

      it "sends the chunks of the application as they come" do
        server = serve_left_open(form, headers: chunked)
        response, stream = open_stream(server)
        stream << "3\r\none\r\n"
        expect(response.text_until("one")).to eq("one")
        stream << "3\r\ntwo\r\n0\r\n\r\n"
        stream.close
        expect(response.rest).to eq("two")
      end

      bad_chunks.each do |name, bytes|
        it "breaks off chunks of the application #{name}" do
          server = serve_stream(form, headers: chunked) do |stream, _env|
            stream << bytes
            stream.close
          end
          response = open_response(server)
          expect(response.text_until("one")).to eq("one")
          expect(response).to be_broken
        end
      end
    end
  end

  it "unpacks chunks that an enumerable body has made, too" do
    server = serve { [200, { "transfer-encoding" => "chunked" }, ["5\r\nhello\r\n", "0\r\n\r\n"].each] }
    response = open_response(server)
    expect([response["transfer-encoding"], response.rest]).to eq(%w[chunked hello])
  end

  it "unpacks chunks that an Array has made, too" do
    server = serve { [200, { "transfer-encoding" => "chunked" }, ["5\r\nhello\r\n", "0\r\n\r\n"]] }
    expect(open_response(server).rest).to eq("hello")
  end
end
