# frozen_string_literal: true

# MessageBus in one process.
#
#   POST /message-bus/ID/poll   its own
#   POST /broadcast/N           publishes message N to all polls
require "message_bus"

# By default it holds 1,000 polls, those of earlier clients included, and ends each after 25 s.
MessageBus.configure(backend: :memory, max_active_clients: 100_000, long_polling_interval: 600_000)
use MessageBus::Rack::Middleware

run lambda { |env|
  number = env["PATH_INFO"][%r{\A/broadcast/(\d+)\z}, 1]
  MessageBus.publish("/news", format("#%010d is for each", Integer(number, 10))) if number
  [200, { "content-type" => "text/plain", "content-length" => "14" }, ["Hello, world!\n"]]
}
