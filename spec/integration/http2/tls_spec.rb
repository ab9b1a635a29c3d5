# frozen_string_literal: true

require "spec_helper"
require "support/http2/streaming"
require "support/streaming/examples"
require "open3"

RSpec.describe "HTTP/2 over TLS" do
  include OverTls

  def negotiated(server, *names) = connect(server, alpn_protocols: names).socket.ssl.alpn_protocol

  it "is chosen by ALPN, and HTTP/1.1 where the client does not offer it" do
    server = serve { |env| [200, {}, [env.values_at("SERVER_PROTOCOL", "rack.url_scheme", "HTTPS", "SERVER_PORT").join(" ")]] }
    expect([negotiated(server, "h2", "http/1.1"), negotiated(server, "http/1.1", "h2"), negotiated(server, "http/1.1")])
      .to eq(%w[h2 h2 http/1.1])
    client = connect_http2(server)
    expect(client.request("GET", "/", headers: { ":scheme" => "https" }).body).to eq("HTTP/2 https on 443")
    expect(get(server, "/").body).to eq("HTTP/1.1 https on 443")
  end

  it "is not there where the setting alpn leaves it out, on plaintext neither" do
    server = serve(alpn: %w[http/1.1]) { [200, {}, ["ok"]] }
    expect(negotiated(server, "h2", "http/1.1")).to eq("http/1.1")
    plain = serve(alpn: %w[http/1.1], bind: ServerHelper::ANY_PORT) { [200, {}, ["ok"]] }
    expect(connect(plain).write(Http2::PREFACE).read_to_eof).to start_with("HTTP/1.1 400")
  end

  it "is spoken by ALPN alone: the preface says nothing to an encrypted connection without it" do
    server = serve { [200, {}, ["ok"]] }
    client = connect(server)
    client.offer(Http2::PREFACE)
    expect(client.read_to_eof).to start_with("HTTP/1.1 400").or eq("")
  end

  it "ends with close_notify, and a broken stream with a reset" do
    server = serve(linger_timeout: 0.1) { |env| env["PATH_INFO"] == "/" ? [200, {}, ["ok"]] : [200, {}, ->(*) { raise "broken" }] }
    client = connect_http2(server)
    expect(client.request("GET", "/broken").reset_code).to eq(:internal_error)
    expect(client.request("GET", "/").body).to eq("ok")
    server.stop
    expect(client).to be_ended
    expect(client.raw).to be_eof
  end

  it "breaks off without close_notify what has not ended at the deadline" do
    opened = Queue.new
    server = serve { [200, {}, ->(stream) { opened << stream }] }
    client = connect_http2(server)
    client.request("GET", "/").status
    opened.pop
    server.stop(timeout: 0.1)
    expect(client).to be_ended
    expect(client.raw).not_to be_eof(0)
  end

  describe "with a client that says nothing behind the handshake" do
    it "ends after first_byte_timeout" do
      client = connect(serve(first_byte_timeout: 0.2) { [200, {}, []] }, alpn_protocols: %w[h2])
      expect { client.read_to_eof }.not_to raise_error
    end

    it "does not hold the server up" do
      server = serve(first_byte_timeout: nil) { [200, {}, []] }
      client = connect(server, alpn_protocols: %w[h2])
      # The first frame of the server's side.
      client.read_bytes(9)
      stopping = Thread.new { server.stop(timeout: 60) }
      client.read_to_eof
      expect(stopping.join(10)).to be(stopping)
    end
  end

  it "serves curl" do
    server = serve { |env| [200, {}, [env["SERVER_PROTOCOL"]]] }
    command = ["curl", "--silent", "--max-time", "5", "--http2", "--cacert", certificates.authority.cert_path,
               "https://localhost:#{server.port}/[1-3]"]
    expect(Open3.capture2(*command)).to match(["HTTP/2" * 3, be_success])
  end

  StreamingForms::PLAIN.each do |form|
    describe "streams with #{form}" do
      it_behaves_like("a streaming response", form) { include Http2::Streaming }
    end
  end
end
