# frozen_string_literal: true

module Penstock
  # One exchange with a client: the stream of a streaming body or a partial hijack, `env["penstock.stream"]`, and
  # `env["rack.hijack"]`.
  #
  # Writing is thread-safe. One `write` is contiguous; it waits while the client has not taken enough of what was written before
  # (at most for the write time-out, then the client is disconnected), and raises Errno::EPIPE or Errno::ECONNRESET once the
  # client has gone. The native part defines write, <<, flush, close, close_read, close_write, closed?, write_nonblock,
  # slow_consumer=, write_timeout= and `trailers=` (a Hash of what follows the last byte; on HTTP/1.1 only fields that the
  # response's `trailer` field names, and only to a client that said `TE: trailers`).
  class Stream
    # For Thread.handle_interrupt: interrupts happen only where the thread waits.
    ON_BLOCKING = { Object => :on_blocking }.freeze
    private_constant :ON_BLOCKING

    # Has the block called once when the stream ends, on a thread that the server keeps for that. Registered late it runs at
    # once. What it raises is logged. A stream whose connection was taken over ends when the application's `call` has returned.
    # When the server has stopped there is no such thread: the block is called in place, on the calling thread, which gets what it
    # raises.
    # @yieldparam error [Exception, nil] nil after a local close, else what a write would raise.
    # @return [self]
    def on_close(&block)
      raise ArgumentError, "on_close wants a block" unless block

      registry.add_callback(id, block) ? watch : yield(failure)
      self
    end

    # @return [String, nil] as IO#read.
    def read(length = nil, buffer = nil) = input.read(length, buffer)

    # @return [String] as IO#readpartial.
    def readpartial(maxlen, buffer = nil) = input.readpartial(maxlen, buffer)

    # @return [String, Symbol, nil] as IO#read_nonblock.
    def read_nonblock(maxlen, buffer = nil, exception: true) = input.read_nonblock(maxlen, buffer, exception: exception)

    # Without an argument, `env["rack.hijack"].call`: takes the connection over. With header fields,
    # `env["rack.early_hints"].call`: sends them as a 103.
    # @return [IO] the same one each time.
    # @raise [Error] where a response was begun.
    def call(hints = nil)
      hints ? early_hints(hints) : socket
    end

    # Makes what comes behind a 101 the reading half. The body of the request is received first: it is `rack.input` for itself.
    # @return [void]
    def switch_input
      receive_input
      @input = nil
    end

    # @return [String]
    def inspect
      "#<#{self.class} #{closed? ? "closed" : "open"}>"
    rescue ForkError
      "#<#{self.class} of the parent process>"
    end

    private

    def input
      raise IOError, finished? ? "closed stream" : "not opened for reading" if read_closed?

      @input ||= Input.new(self)
    end

    def receive_input
      @input.receive_all if @input.is_a?(Input)
    end

    def socket
      @socket ||= take_over
    end

    # The body of the request is received first, so that the input and the socket never race. The wait for the socket can be
    # interrupted; from then on until the application has it nothing can, or it would be lost with the connection open.
    def take_over
      receive_input
      env = self.env
      Thread.handle_interrupt(ON_BLOCKING) do
        @socket = HijackedSocket.prepare(*hijack)
        registry.add_socket(@socket)
        env["rack.hijack_io"] = @socket if env
      end
      @socket
    end
  end
end
