# frozen_string_literal: true

require "spec_helper"
require "support/apps/event_machine_echo"

RSpec.describe "EventMachine.attach with hijacked sockets" do
  let(:app) { EventMachineEcho.new }
  let(:served) { serve(app) }

  # @return [RawClient] whose head has been read
  def open_session(bytes = request_bytes("GET", "/"))
    connect(served).write(bytes).tap { |client| client.read_until("\r\n\r\n") }
  end

  it "reads and writes as the client does" do
    client = open_session
    %w[one two three].each do |word|
      client.write("#{word}\n")
      expect(client.read_until("\n")).to eq("#{word.upcase}\n")
    end
  end

  it "reads what the client sent right behind its request" do
    client = open_session("#{request_bytes("GET", "/")}early\nbirds\n")
    expect(client.read_until("BIRDS\n")).to eq("EARLY\nBIRDS\n")
  end

  it "delivers all that was written before it closes" do
    client = open_session.write("5000000\n")
    expect(client.read_bytes(5_000_000).count("x")).to eq(5_000_000)
    expect(client).to be_eof
    eventually { app.open.zero? }
  end

  it "delivers all that was written also while the client still sends" do
    client = open_session.write("1000000\n")
    client.offer("more\n" * 1_000)
    expect(client.read_bytes(1_000_000).count("x")).to eq(1_000_000)
  end

  it "is told of every end, and leaves nothing behind" do
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
