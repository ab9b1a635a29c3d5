# frozen_string_literal: true

require "spec_helper"
require "ipaddr"
require "open3"

# robustness.md, line 8; what a header is, byte for byte, is in src/proxy_protocol/tests.rs.
RSpec.describe "The PROXY protocol" do
  include RawCases::Checks

  # A header of version 2 (section 2.2 of HAProxy's doc/proxy-protocol.txt).
  binary = ->(command, family, block) { ["\r\n\r\n\0\r\nQUIT\n", command, family, block.bytesize, block].pack("a12CCna*") }
  block = ->(*ips, ports) { ips.map { |ip| IPAddr.new(ip).hton }.join + ports.pack("nn") }
  v4 = block.call("192.0.2.1", "198.51.100.2", [4660, 8443])
  v6 = block.call("2001:db8::1", "2001:db8::2", [4660, 8443])
  tlv = [4, 300, "a" * 300].pack("Cna*")

  headers = {
    "version 1, IPv4" => ["PROXY TCP4 192.0.2.1 198.51.100.2 4660 8443\r\n", "192.0.2.1"],
    "version 1, IPv6" => ["PROXY TCP6 2001:db8::1 2001:db8::2 4660 8443\r\n", "2001:db8::1"],
    "version 2, IPv4" => [binary.call(0x21, 0x11, v4), "192.0.2.1"],
    "version 2, IPv6, with more behind the addresses" => [binary.call(0x21, 0x21, v6 + tlv), "2001:db8::1"]
  }
  headers_without_a_client = {
    "version 1, UNKNOWN" => "PROXY UNKNOWN\r\n",
    "version 2, LOCAL" => binary.call(0x20, 0x11, v4),
    "version 2, of a client on a Unix socket" => binary.call(0x21, 0x31, "\0" * 216),
    "version 2, of an unknown kind" => binary.call(0x21, 0x00, tlv)
  }
  line = headers["version 1, IPv4"].first

  let(:certificates) { Certificates.new(temporary_folder) }
  let(:tls) { certificates.bind(certificates.issue("server")) }

  # A server that says what is in env of these keys.
  def serve_proxied(*keys, **settings)
    serve(proxy_protocol: true, **settings) do |env|
      @calls = @calls.to_i + 1
      [200, {}, [(keys.empty? ? %w[REMOTE_ADDR REMOTE_PORT] : keys).map { |key| env[key].to_s }.join(" ")]]
    end
  end

  # What a program prints.
  def output(*command)
    text, status = Open3.capture2e(*command)
    expect(status).to be_success, text
    text
  end

  def curl(*args) = output("curl", "-sSk", "--max-time", "10", *args)

  # Gives the URL of a relay.
  def relay(server, header)
    relay = Relay.new(server.url, header)
    yield relay.url
  ensure
    relay&.close
  end

  %w[plaintext TLS].each do |kind|
    describe "in front of #{kind}" do
      let(:place) { kind == "TLS" ? tls : ServerHelper::ANY_PORT }

      headers.each do |name, (header, ip)|
        it "says who the client is: #{name}" do
          client = connect(serve_proxied(bind: place), preamble: header)
          expect(client.write(request_bytes("GET", "/")).read_response.body).to eq("#{ip} 4660")
        end

        it "comes in one segment with what follows: #{name}" do
          relay(serve_proxied(bind: place), header) do |url|
            client = connect(url)
            2.times { expect(client.write(request_bytes("GET", "/")).read_response.body).to eq("#{ip} 4660") }
          end
        end
      end

      headers_without_a_client.each do |name, header|
        it "leaves the connection's own address: #{name}" do
          client = connect(serve_proxied(bind: place), preamble: header)
          port = client.socket.local_address.ip_port
          expect(client.write(request_bytes("GET", "/")).read_response.body).to eq("127.0.0.1 #{port}")
        end
      end

      it "is for HTTP/2 as well" do
        version = kind == "TLS" ? "--http2" : "--http2-prior-knowledge"
        relay(serve_proxied("REMOTE_ADDR", "REMOTE_PORT", "SERVER_PROTOCOL", bind: place), line) do |url|
          expect(curl(version, "#{url}/")).to eq("192.0.2.1 4660 HTTP/2")
        end
      end

      it "is not looked for, and not needed, on the connections of others" do
        server = serve_proxied("REMOTE_ADDR", bind: place, trusted_proxies: ["192.0.2.0/24"])
        expect(get(server, "/").body).to eq("127.0.0.1")
      end
    end
  end

  { "HTTP/1.1" => "--http1.1", "HTTP/2" => "--http2-prior-knowledge" }.each do |version, option|
    it "is taken as curl sends it, with #{version}" do
      server = serve_proxied("REMOTE_ADDR", "SERVER_PROTOCOL")
      expect(curl("--haproxy-protocol", option, "#{server.url}/")).to eq("127.0.0.1 #{version}")
    end
  end

  it "holds for all requests of the connection, and for the access log" do
    server = serve_proxied("PATH_INFO", "REMOTE_ADDR", access_log: true)
    client = connect(server, preamble: line)
    %w[/one /two].each do |path|
      expect(client.write(request_bytes("GET", path)).read_response.body).to eq("#{path} 192.0.2.1")
      eventually { server.log.match?(%r{^192\.0\.2\.1 - - .*"GET #{path} HTTP/1\.1" 200}) }
    end
  end

  it "says where the client was received" do
    client = connect(serve_proxied("SERVER_NAME", "SERVER_PORT"), preamble: line)
    expect(client.write("GET / HTTP/1.0\r\n\r\n").read_response.body).to eq("198.51.100.2 8443")
  end

  it "leaves to the proxy, which is trusted, what X-Forwarded-Proto says" do
    client = connect(serve_proxied("rack.url_scheme"), preamble: line)
    request = request_bytes("GET", "/", headers: { "x-forwarded-proto" => "https" })
    expect(client.write(request).read_response.body).to eq("https")
  end

  it "may come in two parts, wherever it is cut" do
    server = serve_proxied
    headers.each_value do |header, ip|
      # Behind so many bytes there is only what is skipped.
      (1...[header.bytesize, 60].min).each do |cut|
        client = connect(server, preamble: header.byteslice(0, cut))
        eventually { TcpTable.server_end(client)&.unread == 0 }
        client.write(header.byteslice(cut..) + request_bytes("GET", "/"))
        expect(client.read_response.body).to eq("#{ip} 4660")
        client.close
      end
    end
  end

  it "loses nothing of a connection that is hijacked, and gives its socket pair the client's address" do
    server = serve(proxy_protocol: true) do |env|
      io = env["rack.hijack"].call
      io.write("#{io.peeraddr.values_at(1, 3).join(" ")} #{io.readpartial(100)}")
      io.close
      [200, {}, []]
    end
    client = connect(server).write("#{line}#{request_bytes("GET", "/")}early")
    expect(client.read_to_eof).to eq("4660 192.0.2.1 early")
  end

  describe "on a Unix socket" do
    let(:bind) { "unix://#{File.join(temporary_folder, "server.sock")}" }

    it "says who the client is" do
      client = connect(serve_proxied(bind: bind), preamble: line)
      expect(client.write(request_bytes("GET", "/")).read_response.body).to eq("192.0.2.1 4660")
    end

    it "is not looked for where Unix sockets are not trusted" do
      server = serve_proxied(bind: bind, trusted_proxies: ["127.0.0.1"])
      expect(get(server, "/").body).to eq("127.0.0.1 ")
      expect_refusal(server, line + request_bytes("GET", "/"), 400)
    end
  end

  { "of who is not trusted" => { trusted_proxies: ["192.0.2.0/24"] }, "while the setting is off" => { proxy_protocol: false } }
    .each do |whose, settings|
      headers.each do |name, (header, _)|
        it "is a bad request #{whose}: #{name}" do
          expect_refusal(serve_proxied(**settings), header + request_bytes("GET", "/"), 400)
          expect(@calls).to be_nil
        end
      end
    end

  it "is a bad request anywhere but at the very beginning" do
    server = serve_proxied
    client = connect(server, preamble: line).write(request_bytes("GET", "/") + line + request_bytes("GET", "/"))
    expect(Array.new(2) { client.read_response.status }).to eq([200, 400])
    expect(client).to be_ended
    expect(@calls).to eq(1)
  end

  {
    "a request" => ["GET / HTTP/1.1\r\nHost: example.org\r\n\r\n", "another protocol"],
    "a TLS hello" => ["\x16\x03\x01\x02\x00\x01", "another protocol"],
    "the preface of HTTP/2" => ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "another protocol"],
    "a line with a bad address" => ["PROXY TCP4 192.0.2.1 198.51.100.256 4660 8443\r\n", "an address cannot be read"],
    "a line with a bad port" => ["PROXY TCP4 192.0.2.1 198.51.100.2 04660 8443\r\n", "a port cannot be read"],
    "a line that does not end" => ["PROXY UNKNOWN #{"a" * 200}", "longer than 107 bytes"],
    "a header of version 3" => [binary.call(0x31, 0x11, v4), "its version or its command is unknown"],
    "a header without room for its addresses" => [binary.call(0x21, 0x21, v4), "too short for its addresses"],
    "a header that announces more than 16 KiB" => [binary.call(0x21, 0x11, v4).tap { |header| header[14, 2] = "\xff\xff".b }, "16 KiB"]
  }.each do |what, (bytes, reason)|
    it "has to be there: #{what} closes the connection without a word, and leaves a line for who looks" do
      server = serve_proxied(log_level: :debug)
      client = connect(server).offer(bytes)
      port = client.socket.local_address.ip_port
      expect(client).to be_ended
      wanted = /\Apenstock: a connection of 127\.0\.0\.1:#{port} has no valid PROXY header: .*#{reason}.*\n\z/
      eventually { server.log.match?(wanted) }
      expect(@calls).to be_nil
      expect(connect(server, preamble: line).write(request_bytes("GET", "/")).read_response.status).to eq(200)
    end
  end

  it "has to be there: a request without it leaves no line in the usual log" do
    server = serve_proxied
    expect(connect(server).offer(request_bytes("GET", "/"))).to be_ended
    expect(connect(server, preamble: line).write(request_bytes("GET", "/")).read_response.status).to eq(200)
    expect(server.log).to eq("")
  end

  { "nothing" => "", "half a line" => line[0, 20], "half a header of version 2" => binary.call(0x21, 0x11, v4)[0, 20] }.each do |what, part|
    it "has to be there within first_byte_timeout: #{what} closes the connection" do
      server = serve_proxied(first_byte_timeout: 0.3, log_level: :debug)
      expect(connect(server, preamble: part)).to be_ended
      eventually { server.log.include?("has no valid PROXY header: timed out") }
    end

    it "has to be there before the client ends its side: #{what} closes the connection" do
      server = serve_proxied(log_level: :debug)
      expect(connect(server, preamble: part).close_write).to be_ended
      eventually { server.log.include?("has no valid PROXY header: unexpected end of file") }
    end

    it "is not waited for at the end: #{what} closes the connection" do
      server = serve_proxied(first_byte_timeout: nil)
      client = connect(server, preamble: part)
      eventually { TcpTable.server_end(client)&.unread == 0 && server.server.stats[:connections] == 1 }
      before = Process.clock_gettime(Process::CLOCK_MONOTONIC)
      server.stop(timeout: 20)
      expect(Process.clock_gettime(Process::CLOCK_MONOTONIC) - before).to be < 15
    end
  end
end
