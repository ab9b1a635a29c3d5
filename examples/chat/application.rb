# frozen_string_literal: true

# rubocop:disable Style/OneClassPerFile -- a whole application to read from top to bottom.

require "rails"
require "action_controller/railtie"
require "action_cable/engine"
require "message_bus"

# A chat room in which each message goes by ActionCable or by MessageBus, as its author chooses: both libraries as they
# come from their gems, in one Rails application in one file. README.md says how to run it.
module Chat
  # Where MessageBus publishes what is said.
  CHANNEL = "/chat"

  # The broadcasting of ActionCable for the same.
  BROADCASTING = "chat"

  # The longest texts that the room takes, in characters.
  LIMITS = { author: 40, text: 1000, sender: 40 }.freeze

  # The server of both pub/subs, for a chat of several processes; nil: each lives inside this process.
  REDIS_URL = ENV.fetch("REDIS_URL", nil)

  # @param data [Hash] what a page sent; :sender tells the tabs of one author apart
  # @return [Hash, nil] what goes to everybody; nil where the text is blank
  def self.message(data)
    message = LIMITS.to_h { |key, limit| [key, data[key].to_s.strip[0, limit]] }
    message unless message[:text].empty?
  end

  # The application, with what Rails would read from config/.
  class Application < Rails::Application
    config.load_defaults "#{Rails::VERSION::MAJOR}.#{Rails::VERSION::MINOR}"
    config.root = __dir__
    config.paths["app/views"] = "views"
    config.eager_load = true
    config.enable_reloading = false
    config.secret_key_base = ENV.fetch("SECRET_KEY_BASE") { SecureRandom.hex(64) }
    config.logger = ActiveSupport::Logger.new($stdout)
    config.log_level = :warn
    config.action_cable.cable = { adapter: REDIS_URL ? "redis" : "async", url: REDIS_URL }.compact.with_indifferent_access
  end

  MessageBus.configure(REDIS_URL ? { backend: :redis, url: REDIS_URL } : { backend: :memory })
end

Rails.application.initialize!

module ApplicationCable
  # Everybody may come in.
  class Connection < ActionCable::Connection::Base
  end
end

# The room by ActionCable: it hears the page and speaks to it, on one WebSocket.
class ChatChannel < ActionCable::Channel::Base
  def subscribed
    stream_from Chat::BROADCASTING
  end

  # Called by the page's `subscription.perform("speak", …)`.
  def speak(data)
    message = Chat.message(data.symbolize_keys)
    ActionCable.server.broadcast(Chat::BROADCASTING, message) if message
  end
end

# The page, and the room by MessageBus: the page posts here, and hears by MessageBus' own middleware.
class ChatController < ActionController::Base
  # Nobody signs in, so there is no session that another site's form could ride on.
  skip_forgery_protection

  def show
    @last_id = MessageBus.last_id(Chat::CHANNEL)
  end

  # Publishes a message.
  def create
    message = Chat.message(params.permit(*Chat::LIMITS.keys).to_h.symbolize_keys)
    MessageBus.publish(Chat::CHANNEL, message) if message
    head(message ? :no_content : :unprocessable_content)
  end
end

Rails.application.routes.draw do
  root "chat#show"
  post "messages", to: "chat#create"

  # The libraries' JavaScript, straight from the installed gems.
  { "actioncable" => "app/assets/javascripts", "message_bus" => "assets" }.each do |name, folder|
    mount Rack::Files.new(File.join(Gem.loaded_specs.fetch(name).full_gem_path, folder)), at: "javascript/#{name}"
  end
end

# rubocop:enable Style/OneClassPerFile
