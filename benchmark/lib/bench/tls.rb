# frozen_string_literal: true

require "openssl"
require "socket"

module Bench
  # What a server chooses for TLS.
  module Tls
    # The version that is measured.
    VERSION = "TLSv1.3"

    # @param port [Integer] on 127.0.0.1
    # @param http2 [Boolean] whether HTTP/2 is offered, or HTTP/1.1
    # @return [OpenSSL::SSL::SSLSocket] a connection, with what an OpenSSL client does by default
    def self.connect(port, http2: false)
      context = OpenSSL::SSL::SSLContext.new
      context.alpn_protocols = [http2 ? "h2" : "http/1.1"]
      socket = Socket.tcp("127.0.0.1", port, connect_timeout: 5)
      OpenSSL::SSL::SSLSocket.new(socket, context).tap do |ssl|
        ssl.sync_close = true
        ssl.connect
      end
    end

    # @param port [Integer] as for .connect
    # @param http2 [Boolean] as for .connect
    # @return [String, nil] what is wrong with what the server chooses; nil where nothing is
    # @raise [Error] where there is no handshake
    def self.fault(port, http2: false)
      ssl = connect(port, http2:)
      return "speaks #{ssl.ssl_version}" unless ssl.ssl_version == VERSION

      "does not choose HTTP/2 by ALPN" if http2 && ssl.alpn_protocol != "h2"
    rescue OpenSSL::SSL::SSLError, SystemCallError => e
      raise Error, "no TLS: #{e.message}"
    ensure
      ssl&.close
    end
  end
end
