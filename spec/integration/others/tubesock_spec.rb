# frozen_string_literal: true

require "spec_helper"
require "support/apps/tubesock_app"
require "support/cable/reactor"
require "support/cable/web_socket"

# It reads with IO.select and `recvfrom`, in a thread for each connection.
RSpec.describe "tubesock" do
  let(:app) { TubesockApp.new }
  let(:served) { serve(app) }
  let(:reactor) { Cable::Reactor.new }

  after { reactor.stop }

  # @return [Cable::WebSocket]
  def open_socket
    Cable::WebSocket.new(reactor, served.url)
  end

  # Takes what happened until the event comes.
  def wait_for_event(event)
    eventually { !app.events.empty? && app.events.pop == event }
  end

  it "answers messages" do
    socket = open_socket
    %w[one two three].each { |text| socket.text(text) }
    eventually { expect(socket.messages).to eq(%w[one two three]) }
  end

  it "answers a long message" do
    socket = open_socket
    socket.text("x" * 100_000)
    eventually { expect(socket.messages.map(&:size)).to eq([100_000]) }
  end

  it "sends when nobody asked" do
    socket = open_socket
    wait_for_event(:open)
    app.last.send_data("by the way")
    eventually { expect(socket.messages).to eq(["by the way"]) }
  end

  it "answers a ping" do
    socket = open_socket
    socket.ping("payload")
    eventually { expect(socket.pongs).to eq(["payload"]) }
  end

  it "closes from its side" do
    socket = open_socket
    socket.text("bye")
    eventually { expect(socket).to be_ended }
  end

  # A client that vanishes does so by a reset: tubesock cannot take a FIN without a close frame on Ruby 3.3 and newer,
  # where `recvfrom` says nil at the end.
  it "holds twenty with five threads, answers other requests meanwhile, and is told when they close or vanish" do
    open_socket.close
    wait_for_event(:close)
    GC.start # what earlier examples have left must not hide what this one leaves
    baseline = resource_counts

    sockets = Array.new(20) { open_socket }
    sockets.each_with_index { |socket, number| socket.text("number #{number}") }
    eventually { expect(sockets.flat_map(&:messages)).to eq(Array.new(20) { |number| "number #{number}" }) }
    expect(get(served, "/").body).to eq("ordinary")

    sockets.each_with_index { |socket, number| number.even? ? socket.close : socket.vanish(reset: true) }
    sockets.size.times { wait_for_event(:close) }
    counts_return_to(baseline)
  end
end
