# frozen_string_literal: true

# A body that yields 20 chunks from each.
require_relative "chunk"

# Yields COUNT chunks.
class Chunks
  # How many chunks a body has.
  COUNT = 20

  # @yieldparam chunk [String] always the same
  def each
    COUNT.times { yield CHUNK }
  end
end

run ->(_env) { [200, HEADERS.dup, Chunks.new] }
