# frozen_string_literal: true

# A streaming body that writes 20 times and closes.
require_relative "chunk"

BODY = lambda { |stream|
  20.times { stream.write(CHUNK) }
  stream.close
}

run ->(_env) { [200, HEADERS.dup, BODY] }
