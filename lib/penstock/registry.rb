# frozen_string_literal: true

module Penstock
  # What one server keeps of its streams on Ruby's side: the sockets that hijacks have handed out, and the blocks of
  # {Stream#on_close}.
  class Registry
    def initialize
      # An entry goes with the socket's garbage.
      @sockets = ObjectSpace::WeakMap.new
      @callbacks = {}
      @lock = Mutex.new
    end

    # @param socket [BasicSocket] one that a hijack hands out.
    # @return [void]
    def add_socket(socket)
      @sockets[socket] = true
      nil
    end

    # Ends the hijacked connections that are open, so that their owners read an EOF.
    # @return [void]
    def shutdown_sockets
      @sockets.keys.reject(&:closed?).each do |socket|
        socket.shutdown
      rescue SystemCallError, IOError => e
        # The client or the application was faster.
        warn "penstock: a hijacked socket could not be shut down: #{e.message}" unless e.is_a?(Errno::ENOTCONN) || socket.closed?
      end
    end

    # @param id [Integer] of a stream.
    # @param block [Proc]
    # @return [Boolean] false, and nothing is kept, after {#close}.
    def add_callback(id, block)
      @lock.synchronize do
        (@callbacks[id] ||= []) << block unless @closed
        !@closed
      end
    end

    # @param id [Integer] of a stream that has ended.
    # @return [Array<Proc>] its blocks, which are kept no longer.
    def delete_callbacks(id) = @lock.synchronize { @callbacks.delete(id) } || []

    # Takes no more blocks: nobody tells of the ends of streams any more.
    # @return [Array<Proc>] those that are left, which are kept no longer.
    def close
      @lock.synchronize do
        @closed = true
        @callbacks.values.flatten.tap { @callbacks.clear }
      end
    end
  end
end
