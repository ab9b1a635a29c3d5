# frozen_string_literal: true

require "spec_helper"

# Contract, rule 32: what an application writes by hand is HTTP/1.1, and goes out as HTTP/2.
RSpec.describe "Full hijacks on HTTP/2" do
  let(:sockets) { Queue.new }

  # Serves an application that takes the connection over and has the block write.
  def serve_hijack(**settings, &write)
    serve(**settings) do |env|
      next [200, {}, ["ordinary"]] if env["PATH_INFO"] == "/ordinary"

      socket = env["rack.hijack"].call
      write&.call(socket, env)
      sockets << socket
      [-1, {}, []]
    end
  end

  def write_whole(text) = ->(socket, _env) { socket.write(text) && socket.close }

  it "give an IO that knows the client, and is the same one each time" do
    facts = Queue.new
    client = connect_http2(serve_hijack do |socket, env|
      facts << [socket.is_a?(IO), env["rack.hijack"].call.equal?(socket), env["rack.hijack_io"].equal?(socket), socket.peeraddr[3]]
    end)
    client.request("GET", "/")
    expect(facts.pop).to eq([true, true, true, "127.0.0.1"])
  end

  it "send status and fields, but for those of the connection" do
    text = "HTTP/1.1 201 Created\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\n" \
           "Keep-Alive: timeout=5\r\nProxy-Connection: close\r\nUpgrade: h2c\r\nTE: gzip\r\nX-Name: value\r\n\r\n"
    response = connect_http2(serve_hijack(&write_whole(text))).request("GET", "/")
    expect(response.status).to eq(201)
    expect(response.headers.except("date")).to eq("set-cookie" => %w[a=1 b=2], "x-name" => ["value"])
    expect(response.rest).to eq("")
  end

  it "send the head and each chunk as they come, in however small pieces they are written" do
    client = connect_http2(serve_hijack)
    response = client.request("GET", "/")
    socket = sockets.pop
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".each_char { |char| socket.write(char) }
    expect(response.status).to eq(200)
    %w[one two].each do |word|
      "3\r\n#{word}\r\n".each_char { |char| socket.write(char) }
      expect(response.text_until(word)).to eq(word)
    end
    expect(response).not_to be_over
    socket.write("0\r\n\r\n")
    expect(response.rest).to eq("")
    expect(client.request("GET", "/ordinary").body).to eq("ordinary")
  end

  {
    "a length" => ["Content-Length: 5\r\n\r\nhello", "hello"],
    "a length, and more than that" => ["Content-Length: 5\r\n\r\nhello, world", "hello"],
    "a length of 0" => ["Content-Length: 0\r\n\r\n", ""],
    "chunks" => ["Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "hello"],
    "chunks, whatever a length says" => ["Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "hello"],
    "the end of the connection" => ["\r\nhello", "hello"]
  }.each do |name, (text, body)|
    it "end the body by #{name}" do
      response = connect_http2(serve_hijack(&write_whole("HTTP/1.1 200 OK\r\n#{text}"))).request("GET", "/")
      expect([response.status, response.rest]).to eq([200, body])
      expect(response["content-length"]).to be_nil.or eq(body.bytesize.to_s)
    end
  end

  { "a length" => "Content-Length: 6\r\n", "the end of the connection" => "" }.each do |name, field|
    it "send what is written at once, also where the body ends by #{name}" do
      client = connect_http2(serve_hijack)
      response = client.request("GET", "/")
      socket = sockets.pop
      socket.write("HTTP/1.1 200 OK\r\n#{field}\r\n")
      socket.write("one")
      expect(response.text_until("one")).to eq("one")
      socket.write("two")
      expect(response.text_until("two")).to eq("two")
      socket.close
      expect(response.rest).to eq("")
    end
  end

  {
    "a length that is not reached" => "Content-Length: 9\r\n\r\nhello",
    "chunks without the last one" => "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "chunks that are none" => "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nhello, world\r\n"
  }.each do |name, text|
    it "break the stream off behind #{name}" do
      response = connect_http2(serve_hijack(&write_whole("HTTP/1.1 200 OK\r\n#{text}"))).request("GET", "/")
      expect(response.status).to eq(200)
      expect(response.reset_code).to eq(:internal_error)
    end
  end

  {
    "nothing" => "", "no head" => "hello\r\n\r\n", "half a head" => "HTTP/1.1 200 OK\r\nA: b\r\n",
    "an upgrade that nobody asked for" => "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    "two lengths" => "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"
  }.each do |name, text|
    it "are answered 502 where the application writes #{name}" do
      server = serve_hijack(&write_whole(text))
      client = connect_http2(server)
      expect(client.request("GET", "/").status).to eq(502)
      expect(client.request("GET", "/ordinary").body).to eq("ordinary")
      eventually { server.log.include?("no response of HTTP/1.1") }
    end
  end

  { "has no end" => "", "is whole" => "\r\n\r\n" }.each do |name, ending|
    it "are answered 502 where the head is too large, and #{name}" do
      server = serve_hijack(max_header_bytes: 1000) { |socket, _env| socket.write("HTTP/1.1 200 OK\r\nA: #{"a" * 2000}#{ending}") }
      expect(connect_http2(server).request("GET", "/").status).to eq(502)
    end
  end

  { "HEAD" => 200, "GET" => 304 }.each do |method, status|
    it "have no body where none may be: #{method}" do
      client = connect_http2(serve_hijack(&write_whole("HTTP/1.1 #{status} OK\r\nContent-Length: 5\r\n\r\n")))
      response = client.request(method, "/")
      expect([response.status, response["content-length"], response.rest]).to eq([status, "5", ""])
    end
  end

  it "end with the head where no body may be, though the application never closes" do
    client = connect_http2(serve_hijack { |socket, _env| socket.write("HTTP/1.1 204 No Content\r\n\r\n") })
    response = client.request("GET", "/")
    expect([response.status, response.rest]).to eq([204, ""])
    expect(sockets.pop.read).to eq("")
  end

  it "pass interim responses on" do
    text = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nTE: trailers\r\n\r\nHTTP/1.1 200 OK\r\n\r\nok"
    response = connect_http2(serve_hijack(&write_whole(text))).request("GET", "/")
    expect([response.status, response.rest]).to eq([200, "ok"])
    expect(response.interim.map { |status, fields| [status, fields["link"]] }).to eq([[103, ["</a.css>"]]])
  end

  it "have the body of the request first, and no end of it behind" do
    bodies = Queue.new
    client = connect_http2(serve_hijack { |_socket, env| bodies << env["rack.input"].read })
    response = client.request("POST", "/", headers: { "content-length" => "5" }, body: "hello")
    expect(bodies.pop).to eq("hello")
    socket = sockets.pop
    client.round_trip
    expect(socket.read_nonblock(1, exception: false)).to eq(:wait_readable)
    response.reset
    expect(socket.read).to eq("")
    expect { loop { socket.write("late") } }.to raise_error(Errno::EPIPE)
  end

  it "hold the application up where the client reads too slowly, and no other stream" do
    server = serve_hijack
    client = connect_http2(server, opens_windows: false)
    response = client.request("GET", "/")
    socket = sockets.pop
    socket.write("HTTP/1.1 200 OK\r\n\r\n")
    written = 0
    eventually do
      written += socket.write_nonblock("a" * 10_000, exception: false).then { |count| count.is_a?(Integer) ? count : 0 }
      client.round_trip
      socket.write_nonblock("a", exception: false).then { |count| count.is_a?(Integer) ? (written += count) && false : true }
    end
    expect(response.received.bytesize).to eq(65_535)
    client.open_window(2_000_000)
    expect(client.request("GET", "/ordinary").body).to eq("ordinary")
    client.open_window(2_000_000, stream: response.id)
    socket.close
    client.wait_for("the rest") { response.over? }
    expect(response.rest.bytesize).to eq(written)
  end

  it "end for the application when the response is whole, though it never closes" do
    server = serve_hijack(keep_alive_timeout: 0.2, linger_timeout: 0.1)
    client = connect_http2(server)
    response = client.request("GET", "/")
    socket = sockets.pop
    # As long as an idle connection may last.
    expect(connect_http2(server).wait_goaway).to eq(:no_error)
    socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    expect(response.body).to eq("ok")
    expect(socket.read).to eq("")
    # Nothing is open that would keep the connection.
    expect(client.wait_goaway).to eq(:no_error)
  end

  it "drop what the application writes behind the whole response, without an error" do
    client = connect_http2(serve_hijack { |socket, _env| socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") })
    expect(client.request("GET", "/").body).to eq("ok")
    socket = sockets.pop
    expect(socket.read).to eq("")
    expect(socket.write("more")).to eq(4)
    expect(client.request("GET", "/ordinary").body).to eq("ordinary")
  end

  it "leave nothing behind" do
    server = serve_hijack
    client = connect_http2(server)
    client.request("GET", "/ordinary").body
    GC.start
    before = resource_counts.descriptors
    responses = Array.new(20) { client.request("GET", "/") }
    opened = responses.map { sockets.pop }
    opened.each { |socket| socket.write("HTTP/1.1 200 OK\r\n\r\n") }
    responses.first(10).each(&:reset)
    opened.each { |socket| socket.close unless socket.closed? }
    responses.last(10).each { |response| expect(response.rest).to eq("") }
    eventually { resource_counts.descriptors <= before }
  end
end
