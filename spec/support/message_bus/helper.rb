# frozen_string_literal: true

require "uri"
require_relative "poll"
require_relative "../apps/message_bus_app"

# Starts MessageBus on a server, polls it, and ends it after the example. An including group may override
# `backend_config`, `server_settings` and `start_poll`.
module MessageBusHelper
  # Milliseconds after which a poll ends when no example asks for another figure: longer than an example takes.
  LONG = 60_000

  def self.included(group)
    group.after { bus_apps.each(&:destroy) }
  end

  # @return [Hash] which of MessageBus' backends is used, as its own configuration names it
  def backend_config
    { backend: :memory }
  end

  # @return [Hash] settings of the server, with a `bind:` for another protocol
  def server_settings
    {}
  end

  # Serves MessageBus.
  #
  # @param config [Hash] of MessageBus
  # @param wrap [Proc, nil] takes the application and returns what is served, such as middleware around it
  # @return [MessageBusApp] its server is `bus_server`
  def serve_bus(wrap: nil, **config)
    app = MessageBusApp.new(long_polling_interval: LONG, **backend_config, **config)
    bus_apps << app
    @bus_server = serve(wrap ? wrap.call(app) : app, **server_settings)
    app
  end

  # @return [RunningServer] the one that serve_bus started last
  attr_reader :bus_server

  # Polls as MessageBus' JavaScript client does.
  #
  # @param channels [Hash{String => Integer}] the last message id seen of each; -1: none of the back-log
  # @param stream [Boolean] whether the response may come in chunks
  # @param client_id [String]
  # @param headers [Hash{String => String}] further fields
  # @param query [String] with its question mark
  # @return [MessageBusPoll]
  def poll(channels, stream: true, client_id: "client", headers: {}, query: "")
    fields = { "content-type" => "application/x-www-form-urlencoded" }
    fields["dont-chunk"] = "true" unless stream
    start_poll("/message-bus/#{client_id}/poll#{query}", fields.merge(headers), URI.encode_www_form(channels))
  end

  # A poll that MessageBus holds open: returns once it does.
  #
  # @param app [MessageBusApp]
  # @return [MessageBusPoll]
  def open_poll(app, channels, client_id: "client", **options)
    poll(channels, client_id: client_id, **options).tap { eventually { app.holds?(client_id) } }
  end

  # Sends the request of a poll; overridden for another protocol.
  def start_poll(path, headers, body)
    MessageBusPoll.new(connect(bus_server), request_bytes("POST", path, headers: headers, body: body))
  end

  # @param messages [Array<Hash>]
  # @return [Array] their data
  def data_of(messages)
    messages.map { |message| message["data"] }
  end

  private

  def bus_apps
    @bus_apps ||= []
  end
end
