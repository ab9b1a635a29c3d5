# frozen_string_literal: true

# A streaming body that writes 1,000 times and closes.
require_relative "chunk"

BODY = lambda { |stream|
  1000.times { stream.write(CHUNK) }
  stream.close
}

run ->(_env) { [200, HEADERS.dup, BODY] }
