# frozen_string_literal: true

require "socket"

module Penstock
  # The sockets that full hijacks hand out. They are Ruby's own, but that closing them lets the last bytes arrive: the kernel
  # answers bytes of the client that nobody has read with a reset, which can overtake what was written (RFC 9112 section 9.6).
  # The core sees such a connection through; the application's `close` sends the FIN at once and returns.
  module HijackedSocket
    # @param socket [TCP, UNIX, Pair]
    # @param lease [Lease]
    # @param peer [Array(String, Integer), nil] of a pair: the client's address; nil on a Unix socket.
    # @param local [Array(String, Integer), nil] of a pair
    # @return [TCP, UNIX, Pair] the socket, ready for the application.
    def self.prepare(socket, lease, peer = nil, local = nil)
      socket.do_not_reverse_lookup = true
      socket.hijacked(lease)
      socket.between(peer, local) if peer
      socket
    end

    # What the server needs to know of a socket.
    module Leased
      # @param lease [Lease]
      # @return [void]
      def hijacked(lease)
        @lease = lease
      end

      # The core closes the descriptor, when the client has ended its side too; but not one that the application has given to
      # another IO.
      # @return [nil]
      def close
        lease = @lease
        if lease.nil? || closed? || !autoclose?
          @lease = nil
          lease.release if lease && closed?
          return super
        end

        flush_buffered
        number = fileno
        self.autoclose = false
        begin
          super
        ensure
          lease.close(number) if closed?
        end
      end

      private

      # A copy has a descriptor of its own.
      def initialize_copy(original)
        super
        @lease = nil
      end

      # This may wait for the client, and be interrupted. Afterwards the descriptor could not be taken back. What fails here fails
      # in the close too, which raises it.
      def flush_buffered
        flush unless sync
      rescue SystemCallError
        nil
      end
    end

    # A TCP connection of a client.
    class TCP < ::TCPSocket
      include Leased
    end

    # A connection of a client over a Unix socket.
    class UNIX < ::UNIXSocket
      include Leased
    end

    # One end of a pair whose other end the core copies to and from the client: where bytes were read ahead. Its addresses are
    # the client's, and TCP options are taken without effect (the core has set TCP_NODELAY).
    class Pair < ::UNIXSocket
      include Leased

      # @param peer [Array(String, Integer)]
      # @param local [Array(String, Integer)]
      # @return [void]
      def between(peer, local)
        @peer = peer
        @local = local
      end

      # @return [Array] as IPSocket#peeraddr.
      def peeraddr(*) = address(@peer) || super()

      # @return [Array] as IPSocket#addr.
      def addr(*) = address(@local) || super()

      # @return [Addrinfo]
      def remote_address = @peer ? Addrinfo.tcp(*@peer) : super

      # @return [Addrinfo]
      def local_address = @local ? Addrinfo.tcp(*@local) : super

      # @return [Integer] 0
      def setsockopt(level, *arguments)
        [Socket::IPPROTO_TCP, :TCP, "TCP", :IPPROTO_TCP].include?(level) ? 0 : super
      end

      private

      def address(pair)
        return unless pair

        [pair[0].include?(":") ? "AF_INET6" : "AF_INET", pair[1], pair[0], pair[0]]
      end
    end
  end
end
