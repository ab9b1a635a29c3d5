# frozen_string_literal: true

require "spec_helper"
require "digest/sha1"

# RFC 8441; contract, rule 31.
RSpec.describe "WebSockets over HTTP/2" do
  let(:sockets) { Queue.new }

  # What the client of an extended CONNECT sends.
  def open_tunnel(client, **headers)
    fields = { ":method" => "CONNECT", ":protocol" => "websocket", "sec-websocket-version" => "13" }
    client.request("CONNECT", "/chat", headers: fields.merge(headers.transform_keys(&:to_s)), ended: false)
  end

  # The 101 of an application that takes the connection over.
  def accept(env, fields = "", key: env["HTTP_SEC_WEBSOCKET_KEY"])
    digest = Digest::SHA1.base64digest("#{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: #{digest}\r\n#{fields}\r\n"
  end

  def serve_hijack(**settings)
    serve(**settings) do |env|
      next [200, {}, ["ordinary"]] if env["PATH_INFO"] == "/ordinary"

      socket = env["rack.hijack"].call
      socket.write(yield(env))
      sockets << socket
      [-1, {}, []]
    end
  end

  it "reach the application as the upgrade of HTTP/1.1" do
    keys = %w[REQUEST_METHOD PATH_INFO HTTP_UPGRADE HTTP_CONNECTION HTTP_SEC_WEBSOCKET_VERSION HTTP_HOST SERVER_PROTOCOL rack.protocol
              HTTP_TRANSFER_ENCODING HTTP_SEC_WEBSOCKET_PROTOCOL HTTP_ORIGIN]
    envs = Queue.new
    client = connect_http2(serve { |env| envs.push(env) && [200, {}, ["no"]] })
    expect(open_tunnel(client, "sec-websocket-protocol": "chat", origin: "http://a.example").body).to eq("no")
    env = envs.pop
    expect(env.values_at(*keys))
      .to eq(["GET", "/chat", "websocket", "Upgrade", "13", "example.org", "HTTP/2", ["websocket"], nil, "chat", "http://a.example"])
    expect(env["HTTP_SEC_WEBSOCKET_KEY"].unpack1("m").bytesize).to eq(16)
    expect(env["rack.input"].read).to eq("")
  end

  it "have the version that the client names, else 13, and never a key of the client's" do
    envs = Queue.new
    client = connect_http2(serve { |env| envs.push(env) && [200, {}, ["no"]] })
    given = { "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==" }
    [{ "sec-websocket-version": "8" }, { "sec-websocket-version": nil }].each { |version| open_tunnel(client, **given, **version).body }
    seen = Array.new(2) { envs.pop }
    expect(seen.map { |env| env["HTTP_SEC_WEBSOCKET_VERSION"] }).to eq(%w[8 13])
    expect(seen.map { |env| env["HTTP_SEC_WEBSOCKET_KEY"] }).not_to include(given.values.first)
  end

  it "are accepted by a hijacking application's 101, and carry bytes both ways until both have ended" do
    client = connect_http2(serve_hijack { |env| accept(env, "Sec-WebSocket-Protocol: chat\r\n") })
    response = open_tunnel(client)
    expect(response.status).to eq(200)
    expect(response.headers.except("date")).to eq("sec-websocket-protocol" => ["chat"])
    socket = sockets.pop
    response.write("up")
    expect(socket.readpartial(10)).to eq("up")
    socket.write("down")
    expect(response.text_until("down")).to eq("down")
    response.close_write
    expect(socket.read).to eq("")
    socket.write("last")
    socket.close
    expect(response.rest).to eq("last")
    expect(client.request("GET", "/ordinary").body).to eq("ordinary")
  end

  it "are accepted in whatever letters the protocol is written, and a length of the 101 says nothing" do
    client = connect_http2(serve_hijack { |env| accept(env, "Content-Length: 0\r\n").sub("Upgrade: websocket", "Upgrade: WebSocket") })
    response = open_tunnel(client, ":protocol": "WebSocket")
    expect([response.status, response["content-length"]]).to eq([200, nil])
    sockets.pop.write("down")
    expect(response.text_until("down")).to eq("down")
  end

  {
    "a wrong digest" => ->(spec, env) { spec.accept(env, key: "other") },
    "no digest" => ->(*) { "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n" },
    "another protocol" => ->(spec, env) { spec.accept(env).sub("Upgrade: websocket", "Upgrade: other") }
  }.each do |name, answer|
    it "are refused with 502 for #{name}" do
      spec = self
      client = connect_http2(serve_hijack { |env| answer.call(spec, env) })
      expect(open_tunnel(client).status).to eq(502)
    end
  end

  it "may be refused by an ordinary response" do
    client = connect_http2(serve_hijack { "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone" })
    response = open_tunnel(client)
    expect([response.status, response.rest]).to eq([404, "none"])
  end

  it "open flow control only as the application reads" do
    client = connect_http2(serve_hijack { |env| accept(env) }, opens_windows: false).ready
    response = open_tunnel(client)
    expect(response.status).to eq(200)
    socket = sockets.pop
    sent = 0
    # Its window, the server's piece, and what the kernel holds of the pair.
    sent += 1000 while sent < 2_000_000 && sendable?(client, response) && response.write("a" * 1000)
    expect(sent).to be_between(client.initial_window, 1_999_999)
    expect(client.request("GET", "/ordinary").body).to eq("ordinary")
    expect(socket.read(sent)).to eq("a" * sent)
    response.write("b")
    expect(socket.read(1)).to eq("b")
  end

  def sendable?(client, response)
    client.round_trip
    response.window >= 1000
  end

  it "have an end from the start where the client has ended its side with the head" do
    client = connect_http2(serve_hijack { |env| accept(env) })
    fields = { ":method" => "CONNECT", ":protocol" => "websocket" }
    response = client.request("CONNECT", "/chat", headers: fields)
    expect(response.status).to eq(200)
    socket = sockets.pop
    expect(socket.read).to eq("")
    socket.write("last")
    socket.close
    expect(response.rest).to eq("last")
  end

  it "let a thread that reads go on when another one closes the stream", rack: ">= 3.0" do
    streams = Queue.new
    read = Queue.new
    server = serve do
      body = lambda do |stream|
        streams << stream
        read << stream.read(1)
      end
      [200, { "rack.protocol" => "websocket" }, body]
    end
    response = open_tunnel(connect_http2(server))
    expect(response.status).to eq(200)
    stream = streams.pop
    eventually { Thread.list.any? { |thread| thread.name&.start_with?("penstock worker") && thread.backtrace&.first&.include?("receive") } }
    stream.close
    expect(read.pop).to be_nil
    expect(response.rest).to eq("")
  end

  it "show a reset of the stream as the end of the connection" do
    client = connect_http2(serve_hijack { |env| accept(env) })
    response = open_tunnel(client)
    response.status
    socket = sockets.pop
    response.reset
    expect(socket.read).to eq("")
  end

  it "are freed once an application that only ends its writing has heard the client to its end" do
    client = connect_http2(serve_hijack { |env| accept(env) })
    response = open_tunnel(client)
    response.status
    socket = sockets.pop
    socket.close_write
    expect(response.rest).to eq("")
    response.write("last", ended: true)
    expect(socket.read).to eq("last")
    expect(client.request("GET", "/ordinary").body).to eq("ordinary")
  end

  it "end with the application's close, whether or not the client ends its side" do
    client = connect_http2(serve_hijack { |env| accept(env) })
    response = open_tunnel(client)
    response.status
    sockets.pop.close
    expect(response.rest).to eq("")
    expect(response.reset_code).to eq(:no_error)
  end

  it "deliver what the application wrote before it closed, also to a client that still sends" do
    client = connect_http2(serve_hijack { |env| accept(env) }, opens_windows: false)
    response = open_tunnel(client)
    response.status
    socket = sockets.pop
    socket.write("a" * 100_000)
    client.wait_for("a window's worth") { response.received.bytesize == 65_535 }
    socket.close
    response.write("still there?")
    client.round_trip
    client.open_window(100_000)
    client.open_window(100_000, stream: response.id)
    expect(response.rest.bytesize).to eq(100_000)
  end

  it "are given up where the application has closed, and the client takes nothing of what is left" do
    server = serve_hijack(linger_total: 0.3) { |env| accept(env) }
    client = connect_http2(server, opens_windows: false)
    response = open_tunnel(client)
    expect(response.status).to eq(200)
    socket = sockets.pop
    socket.write("a" * 200_000)
    client.wait_for("a window's worth") { response.received.bytesize == 65_535 }
    socket.close
    # Finds nobody, and must not be taken for an end that the application was told.
    response.write("still there?")
    expect(response.reset_code).to eq(:cancel)
  end

  it "serve an application of Rack 3 that answers rack.protocol", rack: ">= 3.0" do
    [101, 200].each do |status|
      server = serve do
        body = lambda do |stream|
          while (text = stream.readpartial(100))
            stream.write(text.upcase)
          end
        rescue EOFError
          stream.close
        end
        [status, { "rack.protocol" => "websocket", "sec-websocket-accept" => "of HTTP/1.1" }, body]
      end
      response = open_tunnel(connect_http2(server))
      expect([response.status, response.headers.keys]).to eq([200, %w[date]])
      response.write("up")
      expect(response.text_until("UP")).to eq("UP")
      response.close_write
      expect(response.rest).to eq("")
    end
  end

  it "have none of the limits of a request's body", rack: ">= 3.0" do
    server = serve(max_body_bytes: 10, body_timeout: 0.2) do |env|
      next [200, {}, [env["rack.input"].read]] if env["REQUEST_METHOD"] == "POST"

      # Of a tunnel a length says nothing.
      [200, { "rack.protocol" => "websocket", "content-length" => "2" }, ->(stream) { stream.write(stream.read(20)) && stream.close }]
    end
    client = connect_http2(server)
    response = open_tunnel(client)
    expect(response.status).to eq(200)
    # Silent for as long as a body may not be.
    expect(client.request("POST", "/", body: "a", ended: false).status).to eq(408)
    response.write("a" * 20)
    expect(response.rest).to eq("a" * 20)
  end

  it "are not there where they are switched off" do
    client = connect_http2(serve(http2_extended_connect: false) { [200, {}, []] }).ready
    expect(client.settings).not_to include(Http2::SETTINGS[:enable_connect_protocol])
    expect(open_tunnel(client).reset_code).to eq(:protocol_error)
  end
end
