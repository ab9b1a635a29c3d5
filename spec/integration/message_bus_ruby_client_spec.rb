# frozen_string_literal: true

require "spec_helper"
require "message_bus/http_client"
require_relative "../support/message_bus/helper"

RSpec.describe "MessageBus' own Ruby client" do
  include MessageBusHelper

  after { http_clients.each(&:stop) }

  # A client of the server that was started last.
  #
  # @param options [Hash] of MessageBus::HTTPClient
  def http_client(**options)
    MessageBus::HTTPClient.new(bus_server.url, min_poll_interval: 0.01, **options).tap { |client| http_clients << client }
  end

  def http_clients
    @http_clients ||= []
  end

  # Subscribes.
  #
  # @return [Queue] of the data that comes
  def listen(client, channel, last_message_id: -1)
    Queue.new.tap do |queue|
      client.subscribe(channel, last_message_id: last_message_id) { |data, *| queue << data }
    end
  end

  # @return [Array] what the queue holds once there are `count` messages in it
  def take(queue, count)
    eventually { queue.size >= count }
    Array.new(queue.size) { queue.pop }
  end

  it "gets every message at once, all by one poll" do
    app = serve_bus
    client = http_client
    news = listen(client, "/news")
    eventually { app.client_count == 1 }
    (1..5).each do |number|
      app.bus.publish("/news", number)
      expect(take(news, 1)).to eq([number])
    end
    expect(client.stats.success).to eq(0) # no poll has ended yet
  end

  it "gets each message by a poll of its own where it takes no chunks" do
    app = serve_bus
    news = listen(http_client(enable_chunked_encoding: false), "/news", last_message_id: 0)
    (1..3).each do |number|
      eventually { app.client_count == 1 }
      app.bus.publish("/news", number)
      expect(take(news, 1)).to eq([number])
    end
  end

  it "gets messages by polls that are answered at once where it does not long-poll" do
    app = serve_bus(long_polling_enabled: false)
    news = listen(http_client(enable_long_polling: false, background_callback_interval: 0.05), "/news", last_message_id: 0)
    %w[one two].each do |data|
      app.bus.publish("/news", data)
      expect(take(news, 1)).to eq([data])
    end
  end

  it "gets the back-log that it asks for, of several channels" do
    app = serve_bus
    app.publish_earlier("/news", "one", "two", "three")
    app.publish_earlier("/weather", "rain", "sun")
    client = http_client
    weather = listen(client, "/weather", last_message_id: -2)
    eventually { app.client_count == 1 }
    expect(take(weather, 1)).to eq(%w[sun])

    news = listen(http_client, "/news", last_message_id: 1)
    expect(take(news, 2)).to eq(%w[two three])
  end

  it "goes on with the next poll when one is over, and loses nothing in between" do
    app = serve_bus(long_polling_interval: 50)
    client = http_client
    news = listen(client, "/news", last_message_id: 0)
    received = (1..10).flat_map do |number|
      polls = client.stats.success
      app.bus.publish("/news", number)
      eventually { client.stats.success > polls }
      take(news, 1)
    end
    # MessageBus itself may deliver a message twice: it can be in the back-log that a new poll is given, and be announced to
    # that poll too.
    expect(received.uniq).to eq((1..10).to_a)
    expect(client.stats.failed).to eq(0)
  end
end
