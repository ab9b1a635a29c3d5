# frozen_string_literal: true

# A partial hijack: the proc of the rack.hijack header writes 20 times and closes.
require_relative "chunk"

WRITER = lambda { |io|
  20.times { io.write(CHUNK) }
  io.close
}

run ->(_env) { [200, HEADERS.merge("rack.hijack" => WRITER), []] }
