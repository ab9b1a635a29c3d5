# frozen_string_literal: true

require "spec_helper"

# Rack SPEC, "rack.protocol"; the SPEC does not say which status accepts (rack#2280).
RSpec.describe "The field rack.protocol of a response" do
  # The head of the answer to an offer.
  def answer(offer, status, protocol, body: :close.to_proc, connection: "upgrade")
    server = serve { [status, { "rack.protocol" => protocol, "x-a" => "b" }, body] }
    headers = offer ? { "connection" => connection, "upgrade" => offer } : {}
    connect(server).write(request_bytes("GET", "/", headers: headers)).read_head
  end

  [101, 200, 201, 299].each do |status|
    it "switches with a status of #{status}" do
      head = answer("websocket", status, "websocket")
      expect(head.status).to eq(101)
      expect(head.headers).to include("connection" => ["upgrade"], "upgrade" => ["websocket"], "x-a" => ["b"])
      expect(head.headers.keys & %w[rack.protocol transfer-encoding content-length]).to be_empty
    end
  end

  {
    "one of several" => ["h2c, websocket", "websocket"],
    "the first of several" => ["echo/1, websocket", "echo/1"],
    "one in another case" => %w[WebSocket websocket]
  }.each do |description, (offer, protocol)|
    it "switches to #{description}" do
      head = answer(offer, 200, protocol)
      expect(head.status).to eq(101)
      expect(head["upgrade"].downcase).to eq(protocol)
    end
  end

  {
    "nothing was offered" => [nil, 200, "websocket", 200],
    "another protocol was offered" => ["h2c", 200, "websocket", 200],
    "it is nil" => ["websocket", 200, nil, 200],
    "it is a part of what was offered" => ["websocket", 200, "web", 200],
    "the status is 404" => ["websocket", 404, "websocket", 404],
    "the status is 302" => ["websocket", 302, "websocket", 302],
    "the status is 426" => ["websocket", 426, "websocket", 426],
    "the status is 500" => ["websocket", 500, "websocket", 500]
  }.each do |description, (offer, status, protocol, sent)|
    it "switches nothing and is not sent where #{description}" do
      head = answer(offer, status, protocol, body: ["body"])
      expect(head.status).to eq(sent)
      expect(head.headers.keys).not_to include("rack.protocol", "upgrade")
    end
  end

  it "switches nothing where the client's connection does not name its upgrade" do
    expect(answer("websocket", 200, "websocket", body: ["body"], connection: "keep-alive").status).to eq(200)
  end

  it "switches nothing for a client of HTTP/1.0 (RFC 9110 section 7.8)" do
    server = serve { [200, { "rack.protocol" => "websocket" }, ["body"]] }
    client = connect(server).write("GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
    expect(client.read_response).to have_attributes(status: 200, body: "body")
  end

  it "lets the two speak raw behind the head" do
    body = lambda do |stream|
      stream.write(stream.readpartial(100).upcase)
      stream.close
    end
    server = serve { [200, { "rack.protocol" => "echo" }, body] }
    client = connect(server).write("#{request_bytes("GET", "/", headers: { "connection" => "upgrade", "upgrade" => "echo" })}early")
    expect(client.read_head.status).to eq(101)
    expect(client.read_to_eof).to eq("EARLY")
  end

  it "cannot split the response" do
    head = answer("echo", 101, "echo\r\nset-cookie: evil=1", body: ["body"])
    expect(head.headers).not_to include("set-cookie")
  end
end
