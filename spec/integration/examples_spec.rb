# frozen_string_literal: true

require "spec_helper"
require "support/live_response"

# The examples of guides/streaming.md, as they are started there.
RSpec.describe "The examples" do
  def start(name, **options)
    spawn_server(File.join(ServerHelper::ROOT, "examples", name), **options)
  end

  def open_stream(server, path = "/")
    client = connect(server)
    [LiveResponse.new(client.write(request_bytes("GET", path))), client]
  end

  def echo_request
    request_bytes("GET", "/", headers: { "connection" => "upgrade", "upgrade" => "echo" })
  end

  describe "streaming_body.ru" do
    it "sends its events and ends" do
      response, = open_stream(start("streaming_body.ru", env: { "INTERVAL" => "0.01" }))
      expect(response.status).to eq(200)
      expect(response["content-type"]).to eq("text/event-stream")
      expect(response.rest.scan(/^data: ?(.*)$/).flatten).to eq(["20", "40", "60", "80", "100", ""])
    end

    it "sends each event at once, and goes on when a client leaves" do
      server = start("streaming_body.ru", env: { "INTERVAL" => "3600" }, args: ["-t", "2"])
      response, client = open_stream(server)
      expect(response.text_until("\n\n")).to eq("event: progress\ndata: 20\n\n")
      client.abort
      other, = open_stream(server)
      expect(other.text_until("\n\n")).to eq("event: progress\ndata: 20\n\n")
    end
  end

  describe "partial_hijack.ru" do
    it "holds more streams than there are threads, and sends to all of them until they leave" do
      server = start("partial_hijack.ru", args: ["-t", "1"])
      streams, clients = Array.new(5) { open_stream(server) }.transpose
      streams.each { |response| expect(response.text_until("\n")).to eq("welcome\n") }
      expect(request(server, "POST", "/", body: "good morning").status).to eq(202)
      streams.each { |response| expect(response.text_until("\n")).to eq("good morning\n") }
      streams.shift
      clients.first.abort
      expect(request(server, "POST", "/", body: "and again").status).to eq(202)
      streams.each { |response| expect(response.text_until("\n")).to eq("and again\n") }
    end
  end

  describe "sse.ru" do
    it "sends what is posted to all who listen, a field for each line, and heartbeats when nothing is" do
      server = start("sse.ru", args: ["-t", "1"], env: { "HEARTBEAT" => "0.05" })
      streams, clients = Array.new(5) { open_stream(server, "/events") }.transpose
      streams.each { |response| expect(response.text_until("\n\n")).to eq("retry: 1000\n\n") }
      clients.pop.abort
      eventually { request(server, "POST", "/", body: "good\r\nmorning").body == "sent to 4\n" }
      streams.first(4).each do |response|
        expect(response.text_until("morning\n\n")).to end_with("data: good\ndata: morning\n\n")
        expect(response.text_until(":\n\n")).to eq(":\n\n")
      end
    end

    it "ends its streams when the server does" do
      server = start("sse.ru")
      response, = open_stream(server, "/events")
      response.text_until("\n\n")
      Process.kill(:TERM, server.pid)
      expect(response.rest).to eq("")
    end
  end

  # What rackup puts around every application in development.
  describe "inside of Rack::ContentLength and Rack::Lint", rack: ">= 3.0" do
    def start_inside(name, **options)
      source = File.read(File.join(ServerHelper::ROOT, "examples", name))
      spawn_server("require 'rack'\nuse Rack::ContentLength\nuse Rack::Lint\n#{source}", **options)
    end

    it "streaming_body.ru sends its events" do
      response, = open_stream(start_inside("streaming_body.ru", env: { "INTERVAL" => "0.01" }))
      expect(response.rest).to end_with("data: 100\n\nevent: done\ndata:\n\n")
    end

    it "partial_hijack.ru sends what comes" do
      server = start_inside("partial_hijack.ru")
      response, = open_stream(server)
      expect(response.text_until("\n")).to eq("welcome\n")
      expect(request(server, "POST", "/", body: "good morning").status).to eq(202)
      expect(response.text_until("\n")).to eq("good morning\n")
    end

    it "sse.ru sends what is posted" do
      server = start_inside("sse.ru")
      response, = open_stream(server, "/events")
      response.text_until("\n\n")
      expect(request(server, "POST", "/", body: "good morning").body).to eq("sent to 1\n")
      expect(response.text_until("\n\n")).to eq("data: good morning\n\n")
    end

    it "full_hijack.ru sends each line back" do
      client = connect(start_inside("full_hijack.ru")).write(echo_request)
      expect(client.read_head.status).to eq(101)
      client.write("hello\n")
      expect(client.read_until("\n")).to eq("hello\n")
    end
  end

  describe "full_hijack.ru" do
    it "sends each line back, those too that came with the request, and ends with its client" do
      client = connect(start("full_hijack.ru")).write("#{echo_request}early\n")
      expect(client.read_head.status).to eq(101)
      expect(client.read_until("\n")).to eq("early\n")
      client.write("late\n")
      expect(client.read_until("\n")).to eq("late\n")
      client.close_write
      expect(client).to be_eof
    end

    it "answers 426 to other requests" do
      response = get(start("full_hijack.ru"), "/")
      expect(response).to have_attributes(status: 426, body: "Ask for an upgrade to echo.\n")
      expect(response["upgrade"]).to eq("echo")
    end
  end
end
