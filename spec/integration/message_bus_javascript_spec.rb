# frozen_string_literal: true

require "spec_helper"
require_relative "../support/apps/message_bus_page"
require_relative "../support/chat/browser"
require_relative "../support/message_bus/helper"

RSpec.describe "MessageBus' own JavaScript client in a browser" do
  include MessageBusHelper

  before(:context) { @browser = Chat::Browser.start }
  after(:context) { @browser.quit }
  after { @browser.reset }

  # Serves MessageBus with the page.
  #
  # @return [MessageBusApp]
  def serve_page(**config)
    serve_bus(wrap: ->(app) { @page = MessageBusPage.new(app) }, **config)
  end

  # Opens a tab that listens to a channel.
  #
  # @param options [Hash] properties of the client to set before
  # @return [Ferrum::Page]
  def open_tab(channel = "/news", last_id = -1, **options)
    tab = @browser.create_page
    tab.go_to("#{bus_server.url}/page")
    options.each { |name, value| tab.evaluate("MessageBus[#{name.to_json}] = #{value.to_json}") }
    tab.evaluate("listen(#{channel.to_json}, #{last_id})")
    tab
  end

  def received(tab)
    tab.evaluate("received")
  end

  # Waits until a tab has received so many messages; returns their data.
  def wait_for(tab, count)
    eventually(10) { received(tab).size >= count }
    received(tab).map(&:first)
  end

  def client_id(tab)
    tab.evaluate("MessageBus.clientId")
  end

  it "gets every message at once, all by one poll" do
    app = serve_page
    tab = open_tab
    eventually { app.holds?(client_id(tab)) }
    (1..5).each do |number|
      app.bus.publish("/news", "message #{number}")
      expect(wait_for(tab, number).last).to eq("message #{number}")
    end
    expect(@page.polls).to eq(1)
  end

  it "gets each message by a poll of its own where it takes no chunks" do
    app = serve_page
    tab = open_tab(enableChunkedEncoding: false)
    (1..3).each do |number|
      eventually { app.holds?(client_id(tab)) }
      app.bus.publish("/news", number)
      expect(wait_for(tab, number)).to eq((1..number).to_a)
    end
    expect(@page.polls).to be >= 4 # the first one tells the client where the channel stands
  end

  it "gets messages by polls that are answered at once where it does not long-poll" do
    app = serve_page
    tab = open_tab("/news", 0, enableLongPolling: false, callbackInterval: 100)
    app.bus.publish("/news", "one")
    expect(wait_for(tab, 1)).to eq(%w[one])
    app.bus.publish("/news", "two")
    expect(wait_for(tab, 2)).to eq(%w[one two])
    expect(app.client_count).to eq(0)
  end

  it "gets messages from a server without hijacks" do
    app = serve_page(rack_hijack_enabled: false)
    tab = open_tab("/news", 0, callbackInterval: 100)
    app.bus.publish("/news", "one")
    expect(wait_for(tab, 1)).to eq(%w[one])
  end

  it "gets the back-log that it asks for, and each message once" do
    app = serve_page
    app.publish_earlier("/news", "one", "two", "three")
    tab = open_tab("/news", 1)
    expect(wait_for(tab, 2)).to eq(%w[two three])

    app.bus.publish("/news", "four")
    expect(wait_for(tab, 3)).to eq(%w[two three four])
  end

  it "goes on with the next poll when one is over, and loses nothing in between" do
    app = serve_page(long_polling_interval: 100)
    tab = open_tab("/news", 0, callbackInterval: 100)
    (1..10).each do |number|
      polls = @page.polls
      app.bus.publish("/news", number)
      wait_for(tab, number)
      eventually { @page.polls > polls }
    end
    expect(received(tab)).to eq((1..10).map { |number| [number, number] })
  end

  it "carries a message for one tab to that tab alone" do
    app = serve_page
    tabs = Array.new(2) { open_tab(alwaysLongPoll: true) } # of two tabs one is hidden, and would only poll now and then
    tabs.each { |tab| eventually { app.holds?(client_id(tab)) } }
    app.bus.publish("/news", "for the second", client_ids: [client_id(tabs.last)])
    app.bus.publish("/news", "for both")

    expect(wait_for(tabs.last, 2)).to eq(["for the second", "for both"])
    expect(wait_for(tabs.first, 1)).to eq(["for both"])
  end

  { "stops" => ->(tab) { tab.evaluate("MessageBus.stop()") }, "is closed with its tab" => :close.to_proc }.each do |what, action|
    it "leaves nothing behind when it #{what}" do
      app = serve_page(long_polling_interval: 2_000)
      tab = open_tab
      eventually { app.holds?(client_id(tab)) }
      expect(app.client_count).to eq(1)

      action.call(tab)
      eventually { app.client_count.zero? }
      polls = @page.polls
      app.publish_earlier("/news", "to nobody")
      expect(@page.polls).to eq(polls)
    end
  end
end
