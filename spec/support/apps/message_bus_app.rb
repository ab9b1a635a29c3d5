# frozen_string_literal: true

require "logger"
require "rack"
require "message_bus"
require "message_bus/rack/middleware"
require_relative "../eventually"

# MessageBus as an application runs it: its own Rack middleware in front of an application that answers "ordinary", and at
# /publish publishes the form's `data` on its `channel`. Each instance has a bus of its own: examples share nothing.
#
# A poll says who it is in its fields: `x-user` (a user id), `x-groups` (group ids with commas between) and `x-site`.
class MessageBusApp
  include Eventually

  # Channels whose messages pass only if their data says `"public" => true`: a filter as applications register them.
  FILTERED = "/filtered"

  # Removes all messages from a store that outlives an instance.
  #
  # @param config [Hash] the backend's part of MessageBus' configuration
  def self.empty(config)
    bus = MessageBus::Instance.new
    bus.configure(config.merge(logger: Logger.new($stdout, level: :warn)))
    bus.reset!
    bus.destroy
  end

  # @return [MessageBus::Instance]
  attr_reader :bus

  # @param config [Hash] of MessageBus: `backend:`, `redis_config:`, `long_polling_interval:` (milliseconds), …
  def initialize(**config)
    @bus = MessageBus::Instance.new
    bus.configure({ logger: Logger.new($stdout, level: :warn) }.merge(config))
    look_up_who_polls
    bus.register_client_message_filter(FILTERED) { |message| message.data["public"] }
    @middleware = MessageBus::Rack::Middleware.new(method(:ordinary), message_bus: bus)
    @delivered = Queue.new
    # Subscribed after the middleware, so that this runs once the middleware has delivered.
    bus.subscribe { |message| bus.timer.queue { @delivered << message.data } }
    await_subscription
  end

  # Rack's entry point.
  def call(env)
    @middleware.call(env)
  end

  # @return [Integer] polls that MessageBus holds open
  def client_count
    connections.client_count
  end

  # @return [Boolean] whether MessageBus holds a poll of this client open
  def holds?(client_id)
    !connections.lookup_client(client_id).nil?
  end

  # Publishes, and returns once the messages have been delivered to all open polls: they are back-log for any later one.
  # (MessageBus delivers in another thread; a poll that opens meanwhile may get a message twice.)
  #
  # @param options [Hash] of MessageBus' `publish`
  def publish_earlier(channel, *messages, **options)
    messages.each do |data|
      bus.publish(channel, data, options)
      nil until @delivered.pop == data
    end
  end

  # Ends all open polls as their time-out would, then the bus with its threads and its Redis connections.
  def destroy
    open_clients.each do |client|
      client.synchronize { client.close }
      connections.remove_client(client)
    end
    bus.destroy
  end

  private

  # MessageBus itself gives its subscribing thread a tenth of a second, and loses what is published before that is there. And
  # its timer, by which it delivers, can miss a wake-up between its look at the jobs and its sleep: it sleeps shortly here.
  def await_subscription
    bus.timer.every(0.1) { nil }
    eventually { bus.backend_instance.subscribed }
  end

  def ordinary(env)
    bus.publish(*Rack::Request.new(env).POST.values_at("channel", "data")) if env["PATH_INFO"] == "/publish"
    [200, { "content-type" => "text/plain" }, ["ordinary"]]
  end

  def look_up_who_polls
    bus.user_id_lookup { |env| env["HTTP_X_USER"]&.to_i }
    bus.group_ids_lookup { |env| env["HTTP_X_GROUPS"].to_s.split(",").map(&:to_i) }
    bus.site_id_lookup { |env| env && env["HTTP_X_SITE"] } # a publisher has no env
    bus.extra_response_headers_lookup { { "access-control-allow-origin" => "*" } }
  end

  # MessageBus offers no reader for its connections.
  def connections
    @middleware.instance_variable_get(:@connection_manager)
  end

  def open_clients
    connections.synchronize { connections.instance_variable_get(:@clients).values }
  end
end
