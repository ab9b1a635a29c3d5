# frozen_string_literal: true

require "bundler/setup"
require "rails"
require "action_controller/railtie"
require "action_cable/engine"

Bundler.require(*Rails.groups)

require_relative "channels"

module CableApp
  # A Rails application with ActionCable as `rails new` leaves it. No line of it knows which server runs it.
  class Application < Rails::Application
    config.load_defaults "#{Rails::VERSION::MAJOR}.#{Rails::VERSION::MINOR}"
    config.root = __dir__
    config.eager_load = true
    config.secret_key_base = "not a secret: nothing is signed here"
    config.logger = ActiveSupport::Logger.new($stdout)
  end

  # What a spec asks over plain HTTP while the WebSockets are open.
  class ControlController < ActionController::API
    # The number of open connections.
    def connections
      render plain: ActionCable.server.connections.size.to_s
    end

    # Sends one message to a room, from a thread that belongs to a request.
    def broadcast
      ActionCable.server.broadcast(params.require(:room), { text: params.require(:text) })
      head :no_content
    end

    # Ends the connections of a name, whichever process they are in.
    def disconnect
      ActionCable.server.remote_connections.where(name: params.require(:name)).disconnect
      head :no_content
    end
  end
end

Rails.application.initialize!

Rails.application.routes.draw do
  scope controller: "cable_app/control" do
    get "connections"
    post "broadcast"
    post "disconnect"
  end
end
