# frozen_string_literal: true

require "spec_helper"

RSpec.describe "Pipelined requests (RFC 9112 section 9.3.2)" do
  # An application that answers with the path and the body.
  echo = ->(env) { [200, {}, ["#{env["PATH_INFO"]} #{env["rack.input"].read}"]] }

  it "are answered in their order" do
    server = serve(echo)
    client = connect(server).write((1..20).map { |number| request_bytes("GET", "/#{number}") }.join)
    expect(Array.new(20) { client.read_response.body }).to eq((1..20).map { |number| "/#{number} " })
  end

  it "are answered in their order when a slow one stands before a fast one" do
    latch = Latch.new
    server = serve do |env|
      latch.wait if env["PATH_INFO"] == "/slow"
      [200, {}, [env["PATH_INFO"]]]
    end
    client = connect(server).write(request_bytes("GET", "/slow") + request_bytes("GET", "/fast"))
    eventually { latch.waiting == 1 }
    expect(get(server, "/other").body).to eq("/other")
    expect(client.received).to eq("")
    latch.open
    expect([client.read_response.body, client.read_response.body]).to eq(%w[/slow /fast])
  end

  it "keep to their bodies" do
    server = serve(echo)
    chunked = "POST /3 HTTP/1.1\r\nHost: example.org\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nthr\r\n2\r\nee\r\n0\r\n\r\n"
    bytes = [request_bytes("POST", "/1", body: "one"), request_bytes("GET", "/2"), chunked,
             request_bytes("POST", "/4", body: ""), request_bytes("POST", "/5", body: "GET /x HTTP/1.1\r\n\r\n")].join
    client = connect(server).write(bytes)
    expect(Array.new(5) { client.read_response.body }).to eq(["/1 one", "/2 ", "/3 three", "/4 ", "/5 GET /x HTTP/1.1\r\n\r\n"])
  end

  it "may arrive byte by byte" do
    server = serve(echo)
    client = connect(server)
    (request_bytes("POST", "/1", body: "one") + request_bytes("GET", "/2")).each_char { |byte| client.write(byte) }
    expect([client.read_response.body, client.read_response.body]).to eq(["/1 one", "/2 "])
  end

  it "with a bad one among them: 200, then 400 and the end, and the ones behind it are never executed" do
    app = Recorder.new
    server = serve(app)
    client = connect(server).offer("#{request_bytes("GET", "/1")}GET /2 HTTP/1.1\r\n\r\n#{request_bytes("GET", "/3")}")
    expect(client.read_response.status).to eq(200)
    expect(client.read_response.status).to eq(400)
    expect(client).to be_ended
    expect(app.paths).to eq(["/1"])
    expect(get(server, "/4").status).to eq(200)
  end

  it "with a bad one behind a slow one: the slow one's answer comes whole" do
    latch = Latch.new
    server = serve { latch.wait && [200, {}, ["slow"]] }
    client = connect(server).offer("#{request_bytes("GET", "/1")}BAD\r\n\r\n")
    eventually { latch.waiting == 1 }
    latch.open
    expect(client.read_response.body).to eq("slow")
    expect(client.read_response.status).to eq(400)
    expect(client).to be_ended
  end

  it "behind one that closes are never executed" do
    app = Recorder.new
    server = serve(app)
    client = connect(server).offer(request_bytes("GET", "/1", headers: { "connection" => "close" }) + request_bytes("GET", "/2"))
    expect(client.read_response.status).to eq(200)
    expect(client).to be_ended
    expect(get(server, "/3").status).to eq(200)
    expect(app.paths).to eq(%w[/1 /3])
  end
end
