# frozen_string_literal: true

require "spec_helper"
require "support/groups/examples"
require "support/http2/streaming"
require "support/over_tls"

RSpec.describe "Penstock::Group" do
  include StreamingHelper
  include GroupHelper

  before do
    soft, hard = Process.getrlimit(:NOFILE)
    Process.setrlimit(:NOFILE, hard) if soft < hard # the clients are all in this process
  end

  describe "on HTTP/1.1" do
    it_behaves_like "a group of streams", 1000

    it "needs no turn of the network's thread where a connection rests", if: File.exist?("/proc/self/schedstat") do
      expect(turns(serve_left_open, 200)).to be < 50
    end
  end

  describe "on HTTP/1.1 with TLS" do
    include OverTls

    it_behaves_like "a group of streams", 200

    it "leaves the connection to the network's thread", if: File.exist?("/proc/self/schedstat") do
      expect(turns(serve_left_open, 200)).to be >= 150
    end
  end

  # A hundred streams for each connection.
  shared = Module.new do
    def open_members(group, server, count)
      return super if count < 100

      connections = Array.new(count / 100) { connect_http2(server) }
      responses = connections.flat_map { |connection| Array.new(100) { connection.request("GET", "/") } }
      opened = Array.new(count) { streams.pop }
      opened.each { |stream| group << stream }
      [responses, opened]
    end
  end

  describe "on HTTP/2" do
    it_behaves_like("a group of streams", 1000) do
      include Http2::Streaming
      include shared
    end
  end

  describe "on HTTP/2 with TLS" do
    include OverTls

    it_behaves_like("a group of streams", 200) do
      include Http2::Streaming
      include shared
    end
  end

  it "has members of all protocols at once, in HTTP/1.0 and behind a 101 too, with a length or chunks of their own" do
    group = Penstock::Group.new
    answers = {
      "/length" => [200, { "content-length" => "8" }], "/chunks" => [200, { "transfer-encoding" => "chunked" }],
      "/switch" => [101, { "rack.protocol" => "chat" }]
    }
    server = serve do |env|
      status, headers = answers.fetch(env["PATH_INFO"], [200, {}])
      [status, headers, ->(stream) { (group << stream) && (streams << stream) }]
    end
    clients = [
      request_bytes("GET", "/plain").sub("HTTP/1.1", "HTTP/1.0"), request_bytes("GET", "/length"), request_bytes("GET", "/chunks"),
      request_bytes("GET", "/switch", headers: { "connection" => "upgrade", "upgrade" => "chat" })
    ].map { |bytes| connect(server).write(bytes).tap(&:read_head) }
    http2 = connect_http2(server).request("GET", "/")
    5.times { streams.pop }
    expect(group.write("4\r\nabcd\r\n")).to eq(5)
    expect(clients[0].read_bytes(9)).to eq("4\r\nabcd\r\n")
    expect(clients[1].read_bytes(8)).to eq("4\r\nabcd\r")
    expect(clients[2].read_chunk).to eq("abcd")
    expect(clients[3].read_bytes(9)).to eq("4\r\nabcd\r\n")
    expect(http2.text_until("d\r\n")).to eq("4\r\nabcd\r\n")
    # The one with a length has ended.
    eventually { group.size == 4 }
  end
end
