# frozen_string_literal: true

require "open3"
require "socket"

module Bench
  # One request whose answer is looked at in full, before load is put on a server.
  #
  # status: of the response; framing: :length, :chunked, :close, or :frames (HTTP/2); body: without its framing; bytes: of the whole
  # response
  Probe = Struct.new(:status, :framing, :body, :bytes, keyword_init: true) do
    class << self
      # @param port [Integer] on 127.0.0.1
      # @param headers [Hash{String => String}] beside Host
      # @param path [String] what to ask for
      # @param tls [Boolean] whether TLS is spoken there
      # @param post [String, nil] the body of a POST; nil for a GET
      # @return [Probe] the answer
      # @raise [Error] where there is none within the time, or none that can be read
      def of(port, headers = {}, path: "/", tls: false, post: nil)
        socket = tls ? Tls.connect(port) : Socket.tcp("127.0.0.1", port, connect_timeout: 5)
        io = socket.to_io
        io.timeout = 10 if io.respond_to?(:timeout=)
        headers = { "Host" => "127.0.0.1:#{port}", "Content-Length" => post&.bytesize, **headers }.compact
        fields = headers.map { |name, value| "#{name}: #{value}\r\n" }
        socket.write("#{post ? "POST" : "GET"} #{path} HTTP/1.1\r\n#{fields.join}\r\n#{post}")
        read(socket)
      rescue SystemCallError, IOError, OpenSSL::SSL::SSLError, ArgumentError, TypeError => e
        raise Error, "no answer that can be read: #{e.message}"
      ensure
        socket&.close
      end

      # @param url [String] where HTTP/2 is spoken: with prior knowledge, or over TLS by ALPN
      # @return [Probe] the answer; `bytes` is nil
      # @raise [Error] where there is none within the time
      def of_http2(url)
        protocol = url.start_with?("https") ? "--http2" : "--http2-prior-knowledge"
        command = %W[curl --silent --show-error --insecure --max-time 10 --include #{protocol} #{url}]
        output, status = Open3.capture2e(*command)
        raise Error, "no answer that can be read: #{output.strip}" unless status.success?

        head, body = output.split("\r\n\r\n", 2)
        new(status: status(head, "2"), framing: :frames, body:)
      end

      private

      def read(socket)
        head = socket.gets("\r\n\r\n") || ""
        raise EOFError, "the connection was closed in the head" unless head.end_with?("\r\n\r\n")

        framing = framing(head)
        body, framed = read_body(socket, head, framing)
        new(status: status(head, "1.1"), framing:, body:, bytes: head.bytesize + framed)
      end

      def status(head, version)
        number = head[%r{\AHTTP/#{version} (\d{3})}, 1]
        number ? Integer(number, 10) : raise(Error, "no answer that can be read: #{head.lines.first.to_s.strip.inspect}")
      end

      def framing(head)
        return :chunked if head.match?(/^transfer-encoding: *chunked\r$/i)

        head.match?(/^content-length:/i) ? :length : :close
      end

      # The body, and the bytes that it took with its framing.
      def read_body(socket, head, framing)
        return read_chunks(socket) if framing == :chunked

        length = framing == :length ? Integer(head[/^content-length: *(\d+)/i, 1], 10) : nil
        body = socket.read(length) || ""
        raise EOFError, "the connection was closed in the body" if length && body.bytesize < length

        [body, body.bytesize]
      end

      def read_chunks(socket)
        body = +""
        framed = 0
        loop do
          line = socket.gets("\r\n")
          size = Integer(line.chomp, 16)
          body << socket.read(size)
          framed += line.bytesize + size + socket.read(2).bytesize
          return [body, framed] if size.zero?
        end
      end
    end
  end
end
