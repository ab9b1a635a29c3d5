# frozen_string_literal: true

require "spec_helper"
require_relative "../support/message_bus/examples"

RSpec.describe "MessageBus over HTTP/1.1" do
  include MessageBusHelper

  context "with the memory backend" do
    it_behaves_like "MessageBus"
  end

  # MessageBus writes a whole response by hand, so its head is the proof that nothing of the server's own is around it.
  describe "on the wire" do
    it "is MessageBus' own response alone, chunked by MessageBus alone, when it streams" do
      app = serve_bus
      poll = open_poll(app, { "/news" => -1 })
      app.bus.publish("/news", "one")

      expect(poll.client.read_until("\r\n\r\n")).to start_with("HTTP/1.1 200 OK\r\n")
        .and match(/^connection: close\r$/i).and match(/^transfer-encoding: chunked\r$/i).and match(/^x-content-type-options: nosniff\r$/i)
      expect(poll.client.read_until(/\r\n\|\r\n\r\n/)).to match(%r{\A\h+\r\n\[\{.*"/__status".*\}\]\r\n\|\r\n\r\n\z})
      expect(poll.client.read_until(/\r\n\|\r\n\r\n/)).to match(%r{\A\h+\r\n\[\{.*"/news".*"one".*\}\]\r\n\|\r\n\r\n\z})
    end

    it "has a length and closes the connection when it does not stream" do
      app = serve_bus
      poll = open_poll(app, { "/news" => 0 }, stream: false)
      app.bus.publish("/news", "one")
      response = poll.client.read_response

      expect(response.headers).to include("connection" => ["close"], "content-length" => [response.body.bytesize.to_s])
      expect(response.headers).not_to include("transfer-encoding")
      expect(poll.client).to be_eof
    end

    it "does not stream to a client of HTTP/1.0" do
      app = serve_bus
      client = connect(bus_server).write("POST /message-bus/old/poll HTTP/1.0\r\nhost: example.org\r\n" \
                                         "content-type: application/json\r\ncontent-length: 11\r\n\r\n{\"/news\":0}")
      eventually { app.client_count == 1 }
      app.bus.publish("/news", "one")
      expect(JSON.parse(client.read_response.body).first).to include("data" => "one")
    end

    it "keeps the connection for the next request when MessageBus did not hijack it" do
      serve_bus(rack_hijack_enabled: false)
      client = connect(bus_server)
      2.times do
        client.write(request_bytes("POST", "/message-bus/client/poll", body: "{}", headers: { "content-type" => "application/json" }))
        expect(client.read_response).to have_attributes(status: 200, body: "[]")
      end
      client.write(request_bytes("GET", "/"))
      expect(client.read_response.body).to eq("ordinary")
    end
  end

  describe "the request" do
    it "is taken as JSON too" do
      app = serve_bus
      app.bus.publish("/news", "one")
      poll = start_poll("/message-bus/client/poll", { "content-type" => "application/json" }, JSON.generate("/news" => 0))
      expect(data_of(poll.messages)).to eq(%w[one])
    end

    it "may come in pieces" do
      app = serve_bus
      app.bus.publish("/news", "one")
      client = connect(bus_server)
      form = { "content-type" => "application/x-www-form-urlencoded" }
      bytes = request_bytes("POST", "/message-bus/client/poll", headers: form, body: "/news=0")
      bytes.each_char { |byte| client.write(byte) }
      client.read_head
      expect(client.read_chunk).to include("one")
    end

    it "may be chunked" do
      app = serve_bus
      app.bus.publish("/news", "one")
      client = connect(bus_server)
      client.write("POST /message-bus/client/poll HTTP/1.1\r\nhost: example.org\r\ntransfer-encoding: chunked\r\n" \
                   "content-type: application/json\r\n\r\n")
      ["{\"/ne", "ws\":0}"].each { |part| client.write("#{part.bytesize.to_s(16)}\r\n#{part}\r\n") }
      client.write("0\r\n\r\n")
      client.read_head
      expect(client.read_chunk).to include("one")
    end

    it "of a browser of another site is allowed by what the application adds" do
      serve_bus
      response = request(bus_server, "OPTIONS", "/message-bus/client/poll")
      expect(response).to have_attributes(status: 200, body: "OK")
      expect(response["access-control-allow-origin"]).to eq("*")
    end

    it "without a client id is not found, and others reach the application" do
      serve_bus
      expect(request(bus_server, "POST", "/message-bus/", body: "").status).to eq(404)
      expect(get(bus_server, "/other").body).to eq("ordinary")
    end
  end
end
