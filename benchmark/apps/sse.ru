# frozen_string_literal: true

# Open streams of server-sent events, of 32 bytes each.
require_relative "broadcast"

run Broadcast.new("text/event-stream", "data: #%010d is for each.\n\n")
