# frozen_string_literal: true

# A Rack body that counts how often it is consumed and closed.
class RecordedBody
  # @return [Integer] calls of `each`, of `close`, and elements that were taken
  attr_reader :each_calls, :close_calls, :taken

  # @param chunks [Enumerable<String>]
  def initialize(chunks)
    @chunks = chunks
    @each_calls = @close_calls = @taken = 0
  end

  # Rack's way to consume a body.
  def each
    @each_calls += 1
    @chunks.each do |chunk|
      yield chunk
      @taken += 1
    end
  end

  # Rack's end of a body.
  def close
    @close_calls += 1
  end
end
