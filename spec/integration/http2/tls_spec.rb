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
