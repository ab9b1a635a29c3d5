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
      # @return [Probe] the answer
      # @raise [Error] where there is none within the time, or none that can be read
      def of(port, headers = {}, path: "/")
        Socket.tcp("127.0.0.1", port, connect_timeout: 5) do |socket|
          socket.timeout = 10 if socket.respond_to?(:timeout=)
          fields = { "Host" => "127.0.0.1:#{port}" }.merge(headers).map { |name, value| "#{name}: #{value}\r\n" }
          socket.write("GET #{path} HTTP/1.1\r\n#{fields.join}\r\n")
          read(socket)
        end
      rescue SystemCallError, IOError, ArgumentError, TypeError => e
        raise Error, "no answer that can be read: #{e.message}"
      end

      # @param port [Integer] on 127.0.0.1, where HTTP/2 is spoken with prior knowledge
      # @return [Probe] the answer; `bytes` is nil
      # @raise [Error] where there is none within the time
      def of_http2(port)
        command = %W[curl --silent --show-error --max-time 10 --include --http2-prior-knowledge http://127.0.0.1:#{port}/]
        output, status = Open3.capture2e(*command)
        raise Error, "no answer that can be read: #{output.strip}" unless status.success?

        head, body = output.split("\r\n\r\n", 2)
        new(status: Integer(head[%r{\AHTTP/2 (\d{3})}, 1], 10), framing: :frames, body:)
      end

      private

      def read(socket)
        head = socket.gets("\r\n\r\n") || ""
        raise EOFError, "the connection was closed in the head" unless head.end_with?("\r\n\r\n")

        framing = framing(head)
        body, framed = read_body(socket, head, framing)
        new(status: Integer(head[%r{\AHTTP/1\.1 (\d{3})}, 1], 10), framing:, body:, bytes: head.bytesize + framed)
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
