# frozen_string_literal: true

module Penstock
  # The body of a request that is read as it comes: `rack.input` of such a request, and the reading half of a {Stream}. All that
  # is returned is binary. A client that breaks its body off or exceeds a limit makes the reading methods raise
  # (EOFError, Errno::ETIMEDOUT, IOError).
  class Input
    # @param stream [Stream] whose request it is.
    # @param env [Hash, nil] takes `penstock.trailers` once the body was read.
    def initialize(stream, env = nil)
      @stream = stream
      @env = env
      @buffer = String.new(encoding: Encoding::BINARY)
      @ended = false
    end

    # What the application finds as `rack.input`.
    # @return [Input, RewindableInput] the latter under Rack 2, which is what `rack.version` tells.
    def for_application
      return self unless @env.key?("rack.version")

      require_relative "rewindable_input"
      input = RewindableInput.new(self)
      @env["rack.response_finished"] << ->(*) { input.close }
      input
    end

    # @param length [Integer, nil] bytes to wait for; nil: all until the end.
    # @param buffer [String, nil] takes the bytes.
    # @return [String, nil] nil at the end where a length was given, and "" where none was.
    def read(length = nil, buffer = nil)
      check(length)
      fetch until @ended || (length && @buffer.bytesize >= length)
      data = take(length || @buffer.bytesize)
      return replace(buffer, data) unless length&.positive? && data.empty?

      buffer&.clear
      nil
    end

    # @param maxlen [Integer] most bytes.
    # @return [String] what is there, one byte at least.
    # @raise [EOFError] at the end.
    def readpartial(maxlen, buffer = nil)
      check(maxlen)
      fetch while @buffer.empty? && !@ended && maxlen.positive?
      partial(maxlen, buffer)
    end

    # @param exception [Boolean] false: return :wait_readable and nil in place of raising.
    # @return [String]
    # @raise [IO::WaitReadable] where nothing is there yet.
    # @raise [EOFError] at the end.
    def read_nonblock(maxlen, buffer = nil, exception: true)
      check(maxlen)
      return wait_readable(exception) if @buffer.empty? && !@ended && fetch_nonblock == :wait_readable
      return if @ended && @buffer.empty? && !exception

      partial(maxlen, buffer)
    end

    # @return [String, nil] the next line, nil at the end. Separator and limit are those of IO#gets.
    def gets(separator = "\n", limit = nil, chomp: false)
      return gets("\n", separator, chomp: chomp) if separator.is_a?(Integer)

      check
      line = take(line_length(separator, limit))
      return if line.empty?

      chomp ? line.chomp(separator || "") : line
    end

    # Yields each line.
    def each(*separator)
      return to_enum(:each, *separator) unless block_given?

      while (line = gets(*separator))
        yield line
      end
      self
    end

    # @return [Boolean] whether nothing is left; waits for the next bytes.
    def eof?
      fetch while @buffer.empty? && !@ended
      @buffer.empty?
    end

    # Waits for all that the client still sends of its body.
    # @return [void]
    def receive_all
      fetch until @ended
    end

    # The rest is not wanted.
    # @return [nil]
    def close
      @closed = true
      nil
    end

    # @return [Boolean]
    def closed? = @closed ? true : false

    # @return [self]
    def binmode = self

    # @return [Encoding]
    def external_encoding = Encoding::BINARY

    private

    def check(length = nil)
      raise IOError, "not opened for reading" if @closed
      raise ArgumentError, "negative length #{length} given" if length&.negative?
    end

    def fetch = accept(@stream.receive)

    def fetch_nonblock
      chunk = @stream.receive_nonblock
      chunk == :wait_readable ? chunk : accept(chunk)
    end

    def accept(chunk)
      return @buffer << chunk if chunk

      @ended = true
      @env["penstock.trailers"] = @stream.trailers || {} if @env
    end

    def take(length)
      length >= @buffer.bytesize ? swap_buffer : @buffer.slice!(0, length)
    end

    def swap_buffer
      data = @buffer
      @buffer = String.new(encoding: Encoding::BINARY)
      data
    end

    def partial(maxlen, buffer)
      if @buffer.empty? && maxlen.positive?
        buffer&.clear
        raise EOFError, "end of file reached"
      end
      replace(buffer, take(maxlen))
    end

    def replace(buffer, data) = buffer ? buffer.replace(data) : data

    def wait_readable(exception)
      raise IO::EAGAINWaitReadable, "nothing to read yet" if exception

      :wait_readable
    end

    def line_length(separator, limit)
      return receive_up_to(limit) unless separator

      separator = "\n\n" if separator.empty?
      from = 0
      loop do
        index = @buffer.index(separator, from)
        length = index ? index + separator.bytesize : @buffer.bytesize
        return limit if limit && length >= limit
        return length if index || @ended

        from = [@buffer.bytesize - separator.bytesize + 1, 0].max
        fetch
      end
    end

    def receive_up_to(limit)
      fetch until @ended || (limit && @buffer.bytesize >= limit)
      limit ? [limit, @buffer.bytesize].min : @buffer.bytesize
    end
  end
end
