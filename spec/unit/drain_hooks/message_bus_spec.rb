# frozen_string_literal: true

require "spec_helper"
require "logger"
require "message_bus"
require "socket"
require "penstock/drain_hooks"

RSpec.describe Penstock::DrainHooks::MessageBus do
  let(:bus) do
    MessageBus::Instance.new.tap { |bus| bus.configure(backend: :memory, logger: Logger.new(File::NULL)) }
  end

  # A client whose poll waits, and the other end of its socket.
  def poll(chunked: false)
    client = MessageBus::Client.new(client_id: "one", message_bus: bus)
    ours, theirs = UNIXSocket.pair
    client.io = ours
    client.headers = {}
    client.use_chunked = chunked
    [client, theirs]
  end

  it "answers a poll with no messages, as its time-out would" do
    client, socket = poll
    described_class.call
    expect(client).to be_closed
    expect(socket.read).to match(%r{\AHTTP/1\.1 200 OK\r\n.*\r\n\r\n\[\]\z}m)
  end

  it "ends a poll that is chunked with the last chunk" do
    client, socket = poll(chunked: true)
    described_class.call
    expect(client).to be_closed
    expect(socket.read).to end_with("\r\n0\r\n\r\n")
  end

  it "passes over a client that takes nothing, and ends the others" do
    stuck, unread = poll
    nil until stuck.io.write_nonblock("x" * 65_536, exception: false) == :wait_writable
    client, = poll
    described_class.call
    expect([stuck.closed?, client.closed?]).to eq [false, true]
    expect(unread).not_to be_closed
  end

  it "passes over a client whose socket is closed" do
    client, = poll
    client.io.close
    expect { described_class.call }.not_to raise_error
  end

  it "does nothing in an application without it" do
    hide_const("MessageBus")
    expect(described_class.call).to be_nil
  end
end
