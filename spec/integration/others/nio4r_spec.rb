# frozen_string_literal: true

require "spec_helper"
require "support/apps/nio_echo"

RSpec.describe "nio4r with hijacked sockets" do
  let(:app) { NioEcho.new }
  let(:served) { serve(app) }

  after { app.stop }

  # @return [RawClient] whose head has been read
  def open_session(bytes = request_bytes("GET", "/"))
    connect(served).write(bytes).tap { |client| client.read_until("\r\n\r\n") }
  end

  it "gets genuine sockets" do
    open_session
    expect(app.kinds).to match([be <= TCPSocket])
  end

  it "reads and writes as the client does" do
    client = open_session
    %w[one two three].each do |word|
      client.write("#{word}\n")
      expect(client.read_until("\n")).to eq("#{word.upcase}\n")
    end
  end

  it "reads what the client sent right behind its request" do
    client = connect(served).write("#{request_bytes("GET", "/")}early\nbirds\n")
    client.read_until("\r\n\r\n")
    expect(client.read_until("BIRDS\n")).to eq("EARLY\nBIRDS\n")
  end

  it "reads what the client sent right behind the body of a POST" do
    client = connect(served).write("#{request_bytes("POST", "/", body: "body")}early\n")
    client.read_until("\r\n\r\n")
    expect(client.read_until("\n")).to eq("EARLY\n")
  end

  it "writes more than the socket takes at once" do
    client = open_session
    client.write("5000000\nnext\n")
    expect(client.read_bytes(5_000_000).count("x")).to eq(5_000_000)
    expect(client.read_until("\n")).to eq("NEXT\n")
  end

  it "serves a hundred sockets with one thread, and is told of every end" do
    open_session.close
    eventually { app.open.zero? }
    baseline = resource_counts

    sessions = Array.new(100) { open_session }
    sessions.each_with_index { |client, number| client.write("session #{number}\n") }
    expect(sessions.map { |client| client.read_until("\n") }).to eq(Array.new(100) { |number| "SESSION #{number}\n" })

    sessions.each_with_index { |client, number| number.even? ? client.close : client.abort }
    eventually { app.open.zero? }
    counts_return_to(baseline)
  end
end
