# frozen_string_literal: true

require "rack"

# A page with MessageBus' own JavaScript client, as its gem ships it, in front of an application with MessageBus.
class MessageBusPage
  # The files of the client: the second one is its own stand-in for jQuery's ajax.
  SCRIPTS = %w[message-bus.js message-bus-ajax.js].freeze

  # What is on the page beside them: it keeps what the channel brings.
  PAGE = <<~HTML.freeze
    <!doctype html>
    <title>MessageBus</title>
    <link rel="icon" href="data:,">
    #{SCRIPTS.map { |name| "<script src=\"/#{name}\"></script>" }.join("\n")}
    <script>
      const received = [];
      function listen(channel, lastId) {
        MessageBus.subscribe(channel, (data, globalId, messageId) => received.push([data, messageId]), lastId);
      }
    </script>
  HTML

  # @param app [#call] gets all other requests
  def initialize(app)
    @app = app
    @polls = Queue.new
  end

  # Rack's entry point.
  def call(env)
    path = env["PATH_INFO"].delete_prefix("/")
    return [200, { "content-type" => "text/html" }, [PAGE]] if path == "page"
    return [200, { "content-type" => "text/javascript" }, [script(path)]] if SCRIPTS.include?(path)

    @polls << path if path.start_with?("message-bus/")
    @app.call(env)
  end

  # @return [Integer] polls so far
  def polls
    @polls.size
  end

  private

  def script(name)
    File.read(File.join(Gem.loaded_specs.fetch("message_bus").full_gem_path, "assets", name))
  end
end
