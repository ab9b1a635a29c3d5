# frozen_string_literal: true

require "message_bus"

MessageBus.configure(backend: :memory)
use MessageBus::Rack::Middleware

run lambda { |env|
  MessageBus.publish("/news", "#{env["QUERY_STRING"]} to everybody") if env["PATH_INFO"] == "/publish"
  [200, { "content-type" => "text/plain", "content-length" => "6" }, ["Hello\n"]]
}
