# frozen_string_literal: true

# rubocop:disable Style/OneClassPerFile -- a whole application to read from top to bottom.

require "rails"
require "action_controller/railtie"
require "action_cable/engine"

# ActionCable as Rails has it, in one process, by the adapter for that.
#
#   GET /cable            a WebSocket of ActionCable
#   POST /broadcast/N     broadcasts message N to all that are subscribed to NewsChannel
class Cable < Rails::Application
  config.eager_load = false
  config.secret_key_base = "0" * 64
  config.logger = Logger.new(IO::NULL)
  config.action_cable.cable = { "adapter" => "async" }
  config.action_cable.disable_request_forgery_protection = true
  config.hosts.clear
end

module ApplicationCable
  # Everybody may come in.
  class Connection < ActionCable::Connection::Base
  end
end

# What everybody hears; who asks for it, hears its own text.
class NewsChannel < ActionCable::Channel::Base
  def subscribed = stream_from("news")

  # @param data [Hash] with "text"
  def echo(data) = transmit(data.fetch("text"))
end

Cable.initialize!
Cable.routes.draw do
  post "broadcast/:number", to: lambda { |env|
    number = Integer(env["action_dispatch.request.path_parameters"][:number], 10)
    ActionCable.server.broadcast("news", format("#%010d is for each", number))
    [200, { "content-type" => "text/plain" }, ["sent\n"]]
  }
end

# rubocop:enable Style/OneClassPerFile

run Cable
