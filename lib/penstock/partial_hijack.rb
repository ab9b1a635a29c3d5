# frozen_string_literal: true

module Penstock
  # The proc of a `rack.hijack` response header as a streaming body. Applications written for Rack 2 and the streaming bodies of
  # Rack 3 want the same of a server (a stream, once the head is sent), so that one path serves both.
  class PartialHijack
    # @param hijack [#call] gets the stream.
    # @param body [#close, nil] the body beside it, which is ignored and closed.
    def initialize(hijack, body)
      @hijack = hijack
      @body = body
    end

    # @param stream [Stream]
    # @return [void]
    def call(stream) = @hijack.call(stream)

    # @return [void]
    def close
      @body.close if @body.respond_to?(:close)
    end
  end
end
