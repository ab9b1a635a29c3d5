# frozen_string_literal: true

require "spec_helper"
require "support/apps/faye_app"
require "support/cable/reactor"
require "support/cable/web_socket"
require "support/live_response"

RSpec.describe "faye-websocket" do
  let(:app) { FayeApp.new }
  let(:served) { serve(app) }
  let(:reactor) { Cable::Reactor.new }

  after { reactor.stop }

  # @return [Cable::WebSocket]
  def open_socket(**options)
    Cable::WebSocket.new(reactor, served.url, **options)
  end

  # Takes what happened on the server's side until an event of a kind comes.
  def event(kind)
    found = nil
    eventually { (found = app.events.pop unless app.events.empty?)&.first == kind }
    found
  end

  it "takes the way of a full hijack: its socket is attached to EventMachine" do
    open_socket
    event(:open)
    expect(app.env.keys & %w[async.callback em.connection stream.send]).to be_empty
    expect(app.env["rack.hijack_io"]).to be_a(TCPSocket)
    expect(app.last.instance_variable_get(:@stream).instance_variable_get(:@rack_hijack_io_reader)).to be_a(EventMachine::Connection)
  end

  it "answers messages, in the protocol that it chose" do
    socket = open_socket(protocols: %w[other echo])
    %w[one two three].each { |text| socket.text(text) }
    eventually { socket.messages == %w[one two three] }
    expect(socket.protocol).to eq("echo")
  end

  it "answers a message of a megabyte and one in fragments, and pings between them" do
    socket = open_socket
    socket.text("x" * 1_048_576)
    eventually { socket.messages.map(&:size) == [1_048_576] }
    socket.fragments(%w[a b c])
    eventually { socket.messages.last == "abc" }
    expect(socket.pongs).to eq(%w[between between])
  end

  it "sends when nobody asked" do
    socket = open_socket
    event(:open)
    (1..3).each do |number|
      app.in_reactor { app.last.send(number.to_s) }
      eventually { socket.messages.size == number }
    end
    expect(socket.messages).to eq(%w[1 2 3])
  end

  it "is told when the client closes" do
    socket = open_socket
    socket.close
    expect(event(:close)).to eq([:close, 1000])
    eventually { socket.ended? }
  end

  it "closes from its side" do
    socket = open_socket
    socket.text("bye")
    eventually { socket.close_code == 4001 }
    expect(event(:close)).to eq([:close, 4001])
  end

  [false, true].each do |reset|
    it "is told when the client vanishes (#{reset ? "a reset" : "without a close frame"})" do
      socket = open_socket
      event(:open)
      socket.vanish(reset: reset)
      expect(event(:close)).to eq([:close, 1006])
    end
  end

  it "holds fifty with five threads, answers other requests meanwhile, and leaves nothing behind" do
    open_socket.close
    event(:close)
    baseline = resource_counts

    sockets = Array.new(50) { open_socket }
    sockets.each_with_index { |socket, number| socket.text("number #{number}") }
    eventually { expect(sockets.flat_map(&:messages)).to eq(Array.new(50) { |number| "number #{number}" }) }
    expect(get(served, "/").body).to eq("ordinary")

    sockets.each_with_index { |socket, number| number.even? ? socket.close : socket.vanish }
    sockets.size.times { event(:close) }
    counts_return_to(baseline)
  end

  describe "its event stream" do
    # @return [LiveResponse] whose first line has been read
    def open_stream
      @client = connect(served).write(request_bytes("GET", "/", headers: { "accept" => "text/event-stream" }))
      LiveResponse.new(@client).tap { |response| response.text_until("retry: 1000\r\n\r\n") }
    end

    it "sends every event at once, and ends the connection" do
      stream = open_stream
      expect(stream["content-type"]).to eq("text/event-stream")
      %w[one two].each do |text|
        app.in_reactor { app.last.send(text, event: "news") }
        expect(stream.text_until("\r\n\r\n")).to eq("event: news\r\ndata: #{text}\r\n\r\n")
      end
      app.in_reactor { app.last.close }
      expect(stream.rest).to eq("")
      expect(@client).to be_eof
    end

    it "is told when the client has gone" do
      open_stream
      @client.close
      expect(event(:close)).to eq([:close])
    end
  end
end
