# frozen_string_literal: true

# Open streams with messages of 32 bytes.
require_relative "broadcast"

run Broadcast.new("text/plain", "#%010d is sent to everyone\n")
