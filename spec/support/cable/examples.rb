# frozen_string_literal: true

require "json"
require "securerandom"
require_relative "application"
require_relative "client"
require_relative "reactor"

# What every group of ActionCable examples can call. A group overrides `application_options`, `endpoint` and `address`
# to run the same examples on another adapter or another transport.
module CableHelper
  # Options of Cable::Application.
  def application_options
    {}
  end

  # Options of Async::HTTP::Endpoint: how the WebSocket client connects.
  def endpoint
    {}
  end

  # The URL of a server as its clients see it.
  def address(server)
    server.url
  end

  # Boots an application of the example's own; ended after the example.
  def boot(env: {}, args: [])
    options = application_options
    options = options.merge(env: options.fetch(:env, {}).merge(env), args: options.fetch(:args, []) + args)
    Cable::Application.new(**options).tap { |application| booted << application }
  end

  # Opens a WebSocket to ActionCable.
  #
  # @param name [String] whom ActionCable takes it for
  # @param origin [String] the page's origin; by default the server's own
  # @param more [Hash] options of Cable::WebSocket
  # @return [Cable::Client] greeted already, unless it does not listen
  def visit(application = @application, name: "guest", origin: address(application.server), **more)
    client = Cable::Client.new(
      Cable::WebSocket.new(reactor, "#{address(application.server)}/cable?name=#{name}",
                           headers: { "origin" => origin }, protocols: ["actioncable-v1-json"], endpoint: endpoint, **more)
    )
    more[:listening] == false ? client : client.welcomed
  end

  # A room that no other example knows.
  def room
    @room ||= "room-#{SecureRandom.hex(4)}"
  end

  # Ends what the example opened.
  #
  # @return [String] what the applications of its own logged
  def leave_all
    @reactor&.stop
    booted.map(&:stop).join
  end

  private

  def reactor
    @reactor ||= Cable::Reactor.new
  end

  def booted
    @booted ||= []
  end
end

RSpec.shared_context "with ActionCable" do
  include CableHelper

  after do |example|
    log = leave_all
    example.metadata[:extra_failure_lines] = ["", "What its applications logged:", *log.lines(chomp: true)] if example.exception
  end
end

RSpec.shared_examples "ActionCable" do
  include_context "with ActionCable"

  before(:context) { @application = Cable::Application.new(**application_options) }
  after(:context) { @application&.stop }

  after do |example|
    lines = @application.server.output.lines(chomp: true).last(60)
    example.metadata[:extra_failure_lines] = ["", "What the shared application logged last:", *lines] if example.exception
  end

  let(:application) { @application }

  describe "connecting" do
    it "greets in the subprotocol of ActionCable" do
      client = visit
      expect(client.socket.protocol).to eq("actioncable-v1-json")
      expect(client.frames.first).to eq("type" => "welcome")
    end

    it "refuses a connection that the application rejects" do
      client = visit(name: "stranger", listening: false)
      client.socket.listen
      eventually { client.socket.ended? }
      expect(client.frames).to eq([{ "type" => "disconnect", "reason" => "unauthorized", "reconnect" => false }])
    end

    it "answers 404 to a page of another origin" do
      expect { visit(origin: "http://elsewhere.example") }.to raise_error(Async::WebSocket::ConnectionError) { |error|
        expect(error.response.status).to eq(404)
      }
    end

    it "answers an HTTP request, not a WebSocket, with 404, and goes on with the next on the connection" do
      raw = connect(application.server)
      2.times do
        response = raw.write(request_bytes("GET", "/cable")).read_final_response
        expect(response).to have_attributes(status: 404, body: "Page not found")
      end
    end

    it "sends its ping every three seconds, and a pong to the client's" do
      client = visit
      client.socket.ping("are you there?")
      eventually { expect(client.socket.pongs).to eq(["are you there?"]) }
      eventually(10) { expect(client.frames_of("ping")).not_to be_empty }
    end
  end

  describe "channels" do
    it "tells of a subscription that the channel rejects, and keeps the connection" do
      client = visit
      expect { client.join("locked") }.to raise_error(Cable::Client::Rejected)
      client.join(room).perform(room, "echo", text: "still here")
      eventually { expect(client.heard(room)).to eq([{ "text" => "still here" }]) }
    end

    it "performs an action whose broadcast reaches everybody in the room and nobody else" do
      speaker, listener = Array.new(2) { visit.join(room) }
      outsider = visit.join("#{room}-next-door")
      speaker.perform(room, "speak", text: "Grüße")
      [speaker, listener].each { |client| eventually { expect(client.heard(room)).to eq([{ "text" => "Grüße", "from" => "guest" }]) } }
      application.broadcast("#{room}-next-door", "for the others")
      eventually { expect(outsider.heard("#{room}-next-door")).to eq([{ "text" => "for the others" }]) }
      expect(outsider.heard(room)).to be_empty
    end

    it "broadcasts from an ordinary request" do
      client = visit.join(room)
      application.broadcast(room, "from a request")
      eventually { expect(client.heard(room)).to eq([{ "text" => "from a request" }]) }
    end

    # ActionCable hands broadcasts to pools of threads and keeps no order among those in flight: each follows the last one.
    it "broadcasts in order, each message once, to everybody" do
      clients = Array.new(2) { visit.join(room) }
      100.times do |number|
        clients[number % 2].perform(room, "speak", text: number.to_s)
        clients.each { |client| eventually { client.heard(room).size > number } }
      end
      clients.each { |client| expect(client.heard(room).map { |message| message["text"] }).to eq([*"0".."99"]) }
    end

    it "loses and repeats nothing of a burst of broadcasts" do
      clients = Array.new(2) { visit.join(room) }
      clients.first.perform(room, "count", upto: 500)
      clients.each do |client|
        eventually(20) { client.heard(room).size >= 500 }
        expect(client.heard(room).map { |message| message["number"] }).to match_array(0...500)
      end
    end

    it "transmits a burst in order" do
      client = visit.join(room)
      client.perform(room, "recite", times: 1000, text: "")
      eventually(20) { client.heard(room).size == 1000 }
      expect(client.heard(room).map { |message| message["number"] }).to eq([*0...1000])
    end

    it "sends nothing more after an unsubscription, and tells the channel" do
      watcher = visit.join("departures")
      client = visit(name: room).join(room)
      client.leave(room)
      eventually { expect(watcher.heard("departures")).to include("name" => room, "room" => room) }
      application.broadcast(room, "to nobody")
      client.join("#{room}-after")
      expect(client.heard(room)).to be_empty
    end
  end

  describe "messages" do
    let(:megabyte) { "0123456789abcdef" * 65_536 }

    it "carries 1 MB both ways" do
      sender, listener = Array.new(2) { visit.join(room) }
      sender.perform(room, "speak", text: megabyte)
      [sender, listener].each { |client| eventually(20) { client.heard(room).any? } }
      expect([sender, listener].map { |client| client.heard(room).first["text"] == megabyte }).to eq([true, true])
    end

    it "puts fragments together, with pings between them" do
      client = visit.join(room)
      client.perform_in_fragments(room, "echo", 7, text: "one of many pieces " * 50)
      eventually { expect(client.heard(room)).to eq([{ "text" => "one of many pieces " * 50 }]) }
      eventually { expect(client.socket.pongs).to eq(["between"] * 6) }
    end

    it "keeps what a client is late to read, whole and in order, and the others do not wait" do
      late = visit(listening: false)
      prompt = visit.join(room)
      late.subscribe(room)
      late.perform(room, "recite", times: 12, text: megabyte)
      prompt.perform(room, "echo", text: "meanwhile")
      eventually { expect(prompt.heard(room)).to eq([{ "text" => "meanwhile" }]) }
      late.socket.listen
      eventually(30) { late.heard(room).size == 12 }
      expect(late.heard(room).map { |message| message["number"] }).to eq([*0...12])
      expect(late.heard(room)).to all(include("text" => megabyte))
    end
  end

  describe "the end of a connection" do
    let(:watcher) { visit.join("departures") }

    it "closes on the server's word, with a close frame" do
      client = visit(name: room).join(room)
      bystander = visit.join(room)
      application.disconnect(room)
      eventually { client.socket.ended? }
      expect(client.frames.last).to include("type" => "disconnect", "reason" => "remote")
      expect(client.socket.close_code).to eq(1000)
      expect(bystander.socket).not_to be_ended
    end

    {
      "a close frame" => :close.to_proc,
      "no close frame" => :vanish.to_proc,
      "a TCP reset" => ->(socket) { socket.vanish(reset: true) }
    }.each do |how, leave|
      it "runs `unsubscribed` when the client leaves with #{how}, and forgets the connection" do
        watcher
        # Those of the example before may still be leaving.
        eventually { expect(application.connections).to eq(1) }
        client = visit(name: room).join(room)
        leave.call(client.socket)
        eventually { expect(watcher.heard("departures")).to include("name" => room, "room" => room) }
        eventually { client.socket.ended? }
        eventually { expect(application.connections).to eq(1) }
      end
    end
  end

  describe "many connections" do
    # What one process may hold when its connections have gone: what it held before, and the threads of ActionCable's pools,
    # which start as they are needed and stay (4 workers, 10 of the event loop, and the timers').
    def baseline
      visit.join(room).socket.close
      eventually { expect(application.connections).to eq(0) }
      resource_counts(application.server.pid).tap { |counts| counts.threads += 16 }
    end

    it "has 200 open at once, all of which hear a message, and gives back what they took" do
      before = baseline
      clients = Array.new(200) { visit.join(room) }
      expect(application.connections).to eq(200)
      expect(resource_counts(application.server.pid).threads).to be <= before.threads

      application.broadcast(room, "to all of you")
      eventually(20) { expect(clients.map { |client| client.heard(room) }).to all(eq([{ "text" => "to all of you" }])) }

      clients.each { |client| client.socket.close }
      eventually(20) { clients.all? { |client| client.socket.ended? } }
      eventually { expect(application.connections).to eq(0) }
      counts_return_to(before)
    end
  end
end

RSpec.shared_examples "ActionCable at the server's end" do
  include_context "with ActionCable"

  it "sends every client a close frame, and ends as soon as they have gone" do
    application = boot
    clients = Array.new(5) { visit(application).join(room) }
    eventually { expect(application.connections).to eq(5) }
    application.server.signal(:TERM)
    eventually { clients.all? { |client| client.socket.ended? } }
    expect(clients.map { |client| client.frames.last })
      .to all(eq("type" => "disconnect", "reason" => "server_restart", "reconnect" => true))
    expect(clients.map { |client| client.socket.close_code }).to all(eq(1000))
    expect(application.server.wait(10).exitstatus).to eq(0)
  end

  it "ends at the drain deadline when a client does not answer" do
    configuration = File.join(temporary_folder, "penstock.rb")
    File.write(configuration, "drain_timeout 1\n")
    application = boot(args: ["-C", configuration])
    client = visit(application, listening: false)
    eventually { expect(application.connections).to eq(1) }
    application.server.signal(:TERM)
    expect(application.server.wait(10).exitstatus).to eq(0)
    client.socket.listen
    eventually { client.socket.ended? }
    expect(client.frames.last).to include("reason" => "server_restart")
  end
end
