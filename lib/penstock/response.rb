# frozen_string_literal: true

require_relative "partial_hijack"

module Penstock
  # Sends what an application returns, by the kind of its body (Rack SPEC, "The Response"), where it was not for Stream#answer.
  module Response
    module_function

    # @param stream [Stream]
    # @param status [Integer, #to_i]
    # @param headers [Hash]
    # @param body [Object] of Rack's SPEC.
    # @return [void]
    # @raise [StandardError] what the body raises; {Error} for a response that is none.
    def send(stream, status, headers, body)
      headers = fields(headers)
      hijack = headers["rack.hijack"]
      if bodiless?(stream, status)
        stream.respond_full(status, headers, nil)
      elsif hijack.respond_to?(:call)
        stream_body(stream, status, headers, PartialHijack.new(hijack, nil))
      elsif status.to_i == 101
        upgrade(stream, headers, body)
      else
        send_body(stream, status, headers, body)
      end
    end

    # Whether no body may follow: a HEAD, or a status without one (RFC 9110 section 6.4.1).
    def bodiless?(stream, status)
      code = status.to_i
      stream.head? || code == 204 || code == 304 || (code < 200 && code != 101)
    end

    def send_body(stream, status, headers, body)
      if (chunks = array(body))
        stream.respond_full(status, headers, chunks)
      elsif file?(stream, status, headers, body)
        nil
      elsif body.respond_to?(:each)
        enumerate(stream, status, headers, body)
      elsif body.respond_to?(:call)
        stream_body(stream, status, headers, body)
      else
        raise Error, "the application's body is #{body.class}, which has no each and no call; return what Rack's SPEC asks for"
      end
    end

    # `to_ary` is an optimisation, and may say with nil that there is no Array.
    def array(body)
      body.to_ary if body.respond_to?(:to_ary)
    end

    # `to_path` is an optimisation (it may be nil, and the file gone): `each` gives the same bytes.
    def file?(stream, status, headers, body)
      return false unless body.respond_to?(:to_path)

      path = body.to_path
      path ? stream.respond_file(status, headers, path.to_s) : false
    end

    # The head waits for the first element, so that a body that raises before it is still a 500.
    def enumerate(stream, status, headers, body)
      begun = false
      body.each do |chunk|
        raise TypeError, "the application's body yielded #{chunk.class}, which is no String" unless chunk.is_a?(String)

        unless begun
          begun = true
          stream.respond_stream(status, headers, false)
        end
        stream.write(chunk)
      end
      begun ? stream.close_write : stream.respond_full(status, headers, [])
    end

    # From here on only the application ends the stream; it may be open when `call` returns.
    def stream_body(stream, status, headers, body)
      stream.switch_input if status.to_i == 101 || headers["rack.protocol"]
      stream.respond_stream(status, headers, true)
      body.call(stream)
    end

    # Behind a 101 only a streaming body has something to say.
    def upgrade(stream, headers, body)
      return stream_body(stream, 101, headers, body) if body.respond_to?(:call)

      stream.respond_full(101, headers, nil)
    end

    def fields(headers)
      return headers if headers.is_a?(Hash)
      raise Error, "the application's headers are #{headers.class}; return a Hash" unless headers.respond_to?(:each)

      fields = {}
      headers.each { |name, value| fields[name] = value }
      fields
    end
  end
end
