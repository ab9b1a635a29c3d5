# frozen_string_literal: true

require "async/http/endpoint"
require "async/websocket/client"

module Cable
  # A WebSocket of the async-websocket gem, usable from a plain thread: it keeps what arrives.
  class WebSocket
    # The gem's connection, with a note of the control frames that came.
    class Connection < Async::WebSocket::Connection
      # @return [Integer, nil] the status of the close frame that came; nil before, and if it had none
      attr_reader :close_code

      # @return [Array<String>] the payloads of the pongs that came
      def pongs
        @pongs ||= []
      end

      # @param frame [Protocol::WebSocket::CloseFrame]
      def receive_close(frame)
        @close_code, = frame.unpack
        super
      end

      # @param frame [Protocol::WebSocket::PongFrame]
      def receive_pong(frame)
        pongs << frame.unpack
      end
    end

    # An address that remembers the socket: the gem gives no way to it, and only a socket can be reset.
    class Address < Async::HTTP::Endpoint
      # @return [Socket, OpenSSL::SSL::SSLSocket] what the last {#connect} returned
      attr_reader :socket

      # @return [Socket, OpenSSL::SSL::SSLSocket]
      def connect(...)
        @socket = super
      end
    end

    # @return [Array<String>] the text messages so far, in order
    attr_reader :messages

    # Connects, and raises if the server does not switch protocols.
    #
    # @param reactor [Reactor] where the connection lives
    # @param url [String] `http://…` or `https://…`
    # @param headers [Hash{String => String}] further fields of the request
    # @param protocols [Array<String>] subprotocols to offer
    # @param endpoint [Hash] options of Async::HTTP::Endpoint: `ssl_context`, `protocol`
    # @param listening [Boolean] whether to read at once; false: not before {#listen}
    # @raise [Async::WebSocket::ConnectionError] with the `response` that came instead of a WebSocket
    def initialize(reactor, url, headers: {}, protocols: [], endpoint: {}, listening: true)
      @reactor = reactor
      @messages = []
      @address = Address.parse(url, **endpoint)
      reactor.run { establish(headers: headers.to_a, protocols: protocols) }
      listen if listening
    end

    # Reads what comes, from now on.
    def listen
      @reactor.run { |tasks| @reading = tasks.async { read } }
    end

    # @return [String, nil] the subprotocol that the server chose
    def protocol
      @connection.protocol
    end

    # Sends a text message in one frame.
    def text(message)
      perform { @connection.send_text(message) }
    end

    # Sends a text message in as many frames as there are pieces, and a ping between each two of them.
    #
    # @param pieces [Array<String>] at least two
    def fragments(pieces)
      perform do
        pieces.each_with_index do |piece, index|
          @connection.send_ping("between") unless index.zero?
          type = index.zero? ? Protocol::WebSocket::TextFrame : Protocol::WebSocket::ContinuationFrame
          frame = type.new(index == pieces.size - 1, mask: true)
          frame.pack(piece)
          @connection.write_frame(frame)
          @connection.flush
        end
      end
    end

    # Sends a ping.
    def ping(payload)
      perform { @connection.send_ping(payload) }
    end

    # @return [Array<String>] the payloads of the pongs so far
    def pongs
      @connection.pongs
    end

    # @return [Integer, nil] the status of the close frame that came
    def close_code
      @connection.close_code
    end

    # Sends a close frame; the connection ends when the server's has come.
    def close
      perform { @connection.send_close }
    end

    # Closes the connection without a close frame, as a client does that crashed.
    #
    # @param reset [Boolean] whether the server gets a TCP reset instead of a FIN
    def vanish(reset: false)
      @reactor.run do
        @address.socket.to_io.setsockopt(Socket::Option.linger(true, 0)) if reset
        @connection.framer.close
        @reading&.stop # a fiber that waits for a socket does not notice that another one has closed it
      end
    end

    # Whether the connection has ended, from either side.
    def ended?
      @ended || false
    end

    private

    def establish(**options)
      @client = Async::WebSocket::Client.open(@address)
      @connection = @client.connect(@address.authority, @address.path, handler: Connection, **options)
    end

    def perform
      @reactor.run do
        yield
        @connection.flush
      end
    end

    def read
      while (message = @connection.read)
        messages << message.to_str
      end
    rescue Protocol::WebSocket::ClosedError, IOError, SystemCallError
      nil # that it has ended is all that a spec asks
    ensure
      @ended = true
      @connection.close
      @client.close
    end
  end
end
