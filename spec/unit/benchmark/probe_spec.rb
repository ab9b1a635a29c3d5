# frozen_string_literal: true

require "socket"
require_relative "../../../benchmark/lib/bench"

RSpec.describe Bench::Probe do
  # A server that answers one request with these bytes and closes.
  def probe(response)
    server = TCPServer.new("127.0.0.1", 0)
    thread = Thread.new do
      socket = server.accept
      socket.gets("\r\n\r\n")
      socket.write(response)
      socket.close
    end
    described_class.of(server.addr[1])
  ensure
    thread.join
    server.close
  end

  {
    length: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHello",
    chunked: "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nHe\r\n3\r\nllo\r\n0\r\n\r\n",
    close: "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nHello"
  }.each do |framing, response|
    it "reads a body with the framing #{framing}" do
      expect(probe(response).to_h).to eq(status: 200, framing:, body: "Hello", bytes: response.bytesize)
    end
  end

  it "sends the body of a POST, and says how long it is" do
    server = TCPServer.new("127.0.0.1", 0)
    thread = Thread.new do
      socket = server.accept
      head = socket.gets("\r\n\r\n")
      socket.write("HTTP/1.1 200 OK\r\n\r\n", head.lines.first, socket.read(Integer(head[/^Content-Length: (\d+)/, 1], 10)))
      socket.close
    end
    expect(described_class.of(server.addr[1], post: "some text").body).to eq("POST / HTTP/1.1\r\nsome text")
  ensure
    thread.join
    server.close
  end

  it "tells another status" do
    expect(probe("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n").status).to eq(503)
  end

  ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nHel", "SSH-2.0\r\n\r\n"].each do |response|
    it "does not take #{response.inspect} for an answer" do
      expect { probe(response) }.to raise_error(Bench::Error, /no answer that can be read/)
    end
  end
end
