# frozen_string_literal: true

require "action_controller/railtie"
require "json"

# A Rails application whose controller streams with ActionController::Live what is posted to /publish, until "end" is.
# Each stream and what is for it have a name: the query's `name`.
class LiveApplication < Rails::Application
  config.load_defaults Rails::VERSION::STRING.to_f
  config.root = __dir__
  config.eager_load = false
  config.secret_key_base = "a secret of the specs" * 4
  config.logger = ActiveSupport::Logger.new($stdout) # and no file
  config.log_level = :fatal
  config.hosts.clear
  config.action_controller.default_protect_from_forgery = false
  # An error has to leave the application, through Rails' Executor, to the server.
  config.action_dispatch.show_exceptions = :none
end

# What the streams send, by name.
EVENTS = Concurrent::Map.new { |events, name| events.compute_if_absent(name) { Queue.new } }

# One element for each stream whose action has ended, and one for each request that Rails' Executor has at work.
ENDED = Queue.new
RUNNING = Queue.new

Rails.application.executor.to_run { RUNNING << true }
Rails.application.executor.to_complete { RUNNING.pop }

# Streams.
class StreamsController < ActionController::Base
  include ActionController::Live

  # Server-sent events.
  def events
    response.headers["content-type"] = "text/event-stream"
    sse = SSE.new(response.stream, event: "news")
    each_event { |event| sse.write({ text: event }) }
  ensure
    sse.close
    ENDED << true
  end

  # A download that is made while it is sent.
  def download
    send_stream(filename: "events.txt") do |stream|
      each_event { |event| stream.write(event) }
    end
  ensure
    ENDED << true
  end

  # An action that raises before anything is sent.
  def failure
    raise "before the stream"
  end

  private

  def each_event
    while (event = EVENTS[params[:name]].pop) != "end"
      raise "half-way" if event == "raise"

      yield event
    end
  end
end

# All that does not stream.
class PlainController < ActionController::Base
  # Gives the streams something to send.
  def publish
    EVENTS[params[:name]] << request.raw_post
    head :no_content
  end

  # Shows how many streams have ended, and how many requests are at work, this one included.
  def counts
    render json: { ended: ENDED.size, running: RUNNING.size }
  end
end

Rails.application.initialize!
Rails.application.routes.draw do
  %w[events download failure].each { |action| get action, controller: "streams", action: action }
  post "publish", to: "plain#publish"
  get "counts", to: "plain#counts"
end

run Rails.application
