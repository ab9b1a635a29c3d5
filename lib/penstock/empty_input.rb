# frozen_string_literal: true

module Penstock
  # The `rack.input` of a request without a body. One object serves all of them, since it has no state.
  class EmptyInput
    # @return [String, nil] "" without a length or with 0, else nil, as IO#read at its end.
    def read(length = nil, buffer = nil)
      buffer&.clear
      return if length&.positive?

      buffer || String.new(encoding: Encoding::BINARY)
    end

    # @return [nil]
    def gets(*) = nil

    # Yields nothing.
    # @return [self]
    def each = block_given? ? self : to_enum

    # @return [Integer] 0
    def rewind = 0

    # @return [Integer] 0
    def size = 0

    # @return [true]
    def eof? = true

    # @return [nil]
    def close = nil

    # @return [self]
    def binmode = self

    # @return [self] whatever the encoding: there is nothing to encode.
    def set_encoding(*) = self

    # @return [Encoding]
    def external_encoding = Encoding::BINARY
  end
end
