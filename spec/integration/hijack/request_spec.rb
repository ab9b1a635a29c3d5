# frozen_string_literal: true

require "spec_helper"
require "support/hijack/helper"

# A request with a body is taken over when its body has arrived: what is of the body is in rack.input, and what comes behind it
# is on the socket.
RSpec.describe "Hijacking a request" do
  include HijackHelper

  length = ->(body) { { "content-length" => body.bytesize.to_s } }
  chunked = { "transfer-encoding" => "chunked" }
  chunks = "3\r\none\r\n4;a=b\r\n two\r\n0\r\nx-trailer: 1\r\n\r\n"

  # Header fields, bytes and decoded text of a body, and settings of the server.
  bodies = {
    "without a body" => [{}, "", "", {}],
    "with an empty body" => [length.call(""), "", "", {}],
    "with a body" => [length.call("one two"), "one two", "one two", {}],
    "with a body that is not buffered" => [length.call("one two"), "one two", "one two", { request_buffering: false }],
    "with a body that went to a file" => [length.call("f" * 5000), "f" * 5000, "f" * 5000, { body_memory_bytes: 100 }],
    "with chunks" => [chunked, chunks, "one two", {}],
    "with a large body that is not buffered" => [length.call("z" * 500_000), "z" * 500_000, "z" * 500_000, { request_buffering: false }],
    "with large chunks" => [chunked, "#{500_000.to_s(16)}\r\n#{"y" * 500_000}\r\n0\r\n\r\n", "y" * 500_000, {}]
  }

  # What the client sends behind its request.
  behind = ["", "early bytes"]

  # When the application reads the body.
  reading = {
    "before the hijack" => lambda do |env|
      text = env["rack.input"].read
      [text, env["rack.hijack"].call]
    end,
    "behind the hijack" => lambda do |env|
      io = env["rack.hijack"].call
      [env["rack.input"].read, io]
    end,
    "before it and behind it" => lambda do |env|
      text = env["rack.input"].read(2).to_s
      io = env["rack.hijack"].call
      [text + env["rack.input"].read, io]
    end
  }

  # Serves what echoes the body, and then what is on the socket until the client's FIN.
  def serve_echo(read, **settings)
    serve(**settings) do |env|
      text, io = read.call(env)
      io.write("HTTP/1.1 200 OK\r\n\r\n#{text}|#{io.read}")
      io.close
      [-1, {}, []]
    end
  end

  bodies.each do |name, (fields, bytes, text, settings)|
    reading.each do |time, read|
      behind.each do |early|
        it "#{name}, read #{time}#{", with bytes behind it" unless early.empty?}" do
          client = hijack(serve_echo(read, **settings), method: "POST", headers: fields, early: bytes + early)
          client.write("later bytes").close_write
          expect(client.read_response.body == "#{text}|#{early}later bytes").to be(true)
        end
      end
    end
  end

  it "with an Upgrade field and what the client sends at once behind it" do
    headers = { "connection" => "Upgrade", "upgrade" => "websocket", "sec-websocket-version" => "13" }
    client = hijack(serve_echo(reading["behind the hijack"]), headers: headers, early: "#{"frame" * 20_000}end")
    client.close_write
    expect(client.read_response.body).to eq("|#{"frame" * 20_000}end")
  end

  it "waits for the rest of the body" do
    server = serve_hijack { |io, env| (notes << env["rack.input"].read) && io.close }
    client = hijack(server, method: "POST", headers: chunked, early: "3\r\none\r\n")
    eventually { server.server.stats[:requests] == 1 }
    expect(notes).to be_empty
    client.write("3\r\ntwo\r\n")
    expect(notes).to be_empty
    client.write("0\r\n\r\n")
    expect(notes.pop).to eq("onetwo")
    expect(client).to be_eof
  end

  it "asks for a body that the client keeps back until it is told to continue" do
    headers = { "content-length" => "4", "expect" => "100-continue" }
    client = hijack(serve_echo(reading["behind the hijack"]), method: "POST", headers: headers)
    expect(client.read_response.status).to eq(100)
    client.write("body").close_write
    expect(client.read_response.body).to eq("body|")
  end

  {
    "breaks its body off" => [chunked, "3\r\none\r\n", lambda(&:close_write), {}, 400],
    "sends chunks that are none" => [chunked, "3\r\none\r\nno chunk\r\n", ->(_) {}, {}, 400],
    "sends more than is allowed" => [chunked, "9\r\ntoo large\r\n", ->(_) {}, { max_body_bytes: 5 }, 413],
    "sends nothing more" => [chunked, "3\r\none\r\n", ->(_) {}, { body_timeout: 0.2 }, 408]
  }.each do |name, (fields, bytes, finish, settings, status)|
    it "raises where the client #{name}, which is answered" do
      server = serve(**settings) do |env|
        env["rack.hijack"].call
      rescue StandardError => e
        notes << e
        raise
      end
      client = hijack(server, method: "POST", headers: fields, early: bytes)
      finish.call(client)
      expect(notes.pop).to be_a(IOError).or be_a(SystemCallError)
      expect(client.read_response.status).to eq(status)
    end
  end

  it "that came behind others on the same connection" do
    server = serve_hijack
    client = connect(server).write(request_bytes("GET", "/ordinary") * 3)
    3.times { expect(client.read_response.body).to eq("ordinary") }
    client.write(request_bytes("GET", "/"))
    io = sockets.pop
    io.write("taken")
    io.close
    expect(client.read_to_eof).to eq("taken")
  end

  it "that was pipelined behind others, which are answered first" do
    server = serve_hijack
    client = connect(server).write("#{request_bytes("GET", "/ordinary") * 2}#{request_bytes("GET", "/")}early")
    2.times { expect(client.read_response.body).to eq("ordinary") }
    io = sockets.pop
    expect(io.readpartial(10)).to eq("early")
    io.write("taken")
    io.close
    expect(client.read_to_eof).to eq("taken")
  end

  it "leaves what is pipelined behind it to the application" do
    client = hijack(serve_hijack, early: request_bytes("GET", "/never"))
    io = sockets.pop
    expect(io.readpartial(1000)).to start_with("GET /never HTTP/1.1\r\n")
    io.close
    expect(client).to be_eof
  end
end
