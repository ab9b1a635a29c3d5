# frozen_string_literal: true

# rubocop:disable Style/OneClassPerFile -- a whole application to read from top to bottom.

require "rails"
require "action_controller/railtie"
require "action_cable/engine"

# ActionCable as Rails has it: one channel that everybody hears.
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

# Tells in a file when a subscriber has gone.
class NewsChannel < ActionCable::Channel::Base
  def subscribed = stream_from("news")

  def unsubscribed
    File.write(File.join(ENV.fetch("FEATURES_FOLDER"), "unsubscribed"), "")
  end
end

Cable.initialize!
Cable.routes.draw do
  get "hello", to: ->(_env) { [200, { "content-type" => "text/plain" }, ["Hello\n"]] }
  get "broadcast", to: lambda { |_env|
    ActionCable.server.broadcast("news", "to everybody")
    [200, { "content-type" => "text/plain" }, ["sent\n"]]
  }
end

# rubocop:enable Style/OneClassPerFile

run Cable
