# frozen_string_literal: true

require "socket"
require "uri"
require_relative "response_reader"
require_relative "tls_socket"

# A connection on which a spec writes the bytes it likes and reads what comes back. Every wait is bounded, and fails the
# example with what was read so far.
class RawClient
  include ResponseReader

  # Seconds that any one wait may take.
  TIMEOUT = 5

  # What the specs raise about a connection.
  class Error < StandardError; end

  # Nothing came, or nothing could be written, in time.
  class TimedOut < Error; end

  # The connection ended before what was asked for.
  class Truncated < Error; end

  # The server sent something that is not HTTP/1.
  class Malformed < Error; end

  # @return [TCPSocket, UNIXSocket, TlsSocket]
  attr_reader :socket

  # @param url [String] `http://host:port`, `tcp://host:port`, `https://host:port` or `unix:///path`
  # @param receive_buffer [Integer, nil] bytes that the kernel keeps for a client that does not read; nil: its default
  # @param preamble [String] what is written before all else, also before the handshake of TLS
  # @param tls [Hash] of TlsSocket
  def initialize(url, receive_buffer: nil, preamble: "", **tls)
    @socket = open_socket(url, receive_buffer)
    @socket.write(preamble)
    @socket = TlsSocket.new(@socket, **tls) if url.start_with?("https:")
    @buffer = String.new(encoding: Encoding::BINARY)
    @ending = nil
  end

  # Writes all of the bytes.
  #
  # @return [self]
  # @raise [Errno::EPIPE, Errno::ECONNRESET] once the server is known to have closed
  def write(bytes)
    rest = bytes.b
    deadline = now + TIMEOUT
    until rest.empty?
      written = socket.write_nonblock(rest, exception: false)
      next rest = rest.byteslice(written..) if written.is_a?(Integer)

      socket.wait_writable(remaining(deadline)) or raise TimedOut, "#{rest.bytesize} bytes could not be written within #{TIMEOUT} s"
    end
    self
  end

  # Writes all of the bytes, and drops what comes meanwhile: a server that waits for its client to read does not read.
  #
  # @return [self]
  # @raise [Errno::EPIPE, Errno::ECONNRESET] once the server is known to have closed
  def pour(bytes)
    rest = bytes.b
    deadline = now + TIMEOUT
    until rest.empty?
      fill while @ending.nil? && socket.wait_readable(0)
      @buffer.clear
      written = socket.write_nonblock(rest, exception: false)
      next rest = rest.byteslice(written..) if written.is_a?(Integer)

      raise Errno::ECONNRESET if @ending == :reset
      raise TimedOut, "#{rest.bytesize} bytes could not be written within #{TIMEOUT} s" if now > deadline

      IO.select([socket], [socket], nil, 0.1)
    end
    self
  end

  # Writes as much as the server takes before it closes: for bytes that it may refuse half-way.
  #
  # @return [self]
  def offer(bytes)
    write(bytes)
  rescue Errno::EPIPE, Errno::ECONNRESET
    self
  end

  # @param pattern [Regexp, String]
  # @return [String] all bytes up to and including the first match
  def read_until(pattern)
    wait_for("a match of #{pattern.inspect}") { @buffer.match(Regexp.union(pattern))&.end(0) }
  end

  # @return [String] the bytes before the next CRLF
  def read_line
    read_until("\r\n").delete_suffix("\r\n")
  end

  # @return [String] exactly `count` bytes
  def read_bytes(count)
    wait_for("#{count} bytes") { count if @buffer.bytesize >= count }
  end

  # @return [String] all bytes until the server ends the connection, by FIN or by reset (ask {#eof?} which)
  def read_to_eof
    wait_for("the end of the connection") { @buffer.bytesize if @ending }
  end

  # Whether the server closes the connection with a FIN within `timeout` seconds and sends nothing more before that.
  def eof?(timeout = TIMEOUT)
    ending(timeout) == :fin
  end

  # Whether the server resets the connection within `timeout` seconds and sends nothing more before that.
  def reset?(timeout = TIMEOUT)
    ending(timeout) == :reset
  end

  # Whether the server ends the connection, either way, within `timeout` seconds and sends nothing more before that.
  def ended?(timeout = TIMEOUT)
    !ending(timeout).nil?
  end

  # @return [String] what has arrived and was not read yet; waits for nothing and takes nothing away
  def received
    fill while @ending.nil? && socket.wait_readable(0)
    @buffer.dup
  end

  # Sends a FIN and goes on reading.
  def close_write
    socket.close_write
    self
  end

  # Closes with a reset instead of a FIN (of TLS without close_notify).
  def abort
    socket.setsockopt(Socket::Option.linger(true, 0)) unless socket.closed?
    socket.is_a?(TlsSocket) ? socket.close_wire : close
  end

  # May be called again.
  def close
    socket.close
  end

  private

  def open_socket(url, receive_buffer)
    return UNIXSocket.new(url.delete_prefix("unix://").sub(/\?.*/, "")) if url.start_with?("unix:")

    uri = URI(url)
    socket = Socket.new(uri.hostname.include?(":") ? :INET6 : :INET, :STREAM)
    socket.setsockopt(:SOCKET, :RCVBUF, receive_buffer) if receive_buffer
    socket.setsockopt(:TCP, :NODELAY, true)
    socket.connect(Addrinfo.tcp(uri.hostname, uri.port))
    socket
  end

  # Reads until the block says how many bytes of the buffer are wanted; takes and returns them.
  def wait_for(what)
    deadline = now + TIMEOUT
    loop do
      size = yield
      return @buffer.slice!(0, size) if size

      raise Truncated, "the connection ended (#{@ending}) before #{what}; read so far: #{shown}" if @ending

      fill_by(deadline) or raise TimedOut, "waited #{TIMEOUT} s for #{what}; read so far: #{shown}"
    end
  end

  # How the connection ended (:fin, :reset), or nil if it is open or there are bytes left to read.
  def ending(timeout)
    deadline = now + timeout
    nil while @buffer.empty? && @ending.nil? && fill_by(deadline)
    @ending if @buffer.empty?
  end

  # Waits for more until the deadline, and reads it. Nil when it has passed.
  def fill_by(deadline)
    socket.wait_readable(remaining(deadline)) && fill
  end

  # Reads what is there. Never nil.
  def fill
    bytes = socket.read_nonblock(65_536, exception: false)
    case bytes
    when String then @buffer << bytes
    when nil then @ending = :fin
    else bytes # :wait_readable, after a false alarm
    end
  rescue Errno::ECONNRESET, Errno::EPIPE
    @ending = :reset
  end

  def shown
    @buffer.bytesize > 2000 ? "#{@buffer.byteslice(0, 2000).inspect}… (#{@buffer.bytesize} bytes)" : @buffer.inspect
  end

  def remaining(deadline)
    [deadline - now, 0].max
  end

  def now
    Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end
end
