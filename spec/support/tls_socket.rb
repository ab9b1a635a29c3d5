# frozen_string_literal: true

require "openssl"

# A TLS connection with those methods of a socket that RawClient uses.
class TlsSocket
  # What OpenSSL tells of a handshake that the server refuses: {OpenSSL::SSL::SSLError} says why.
  Refused = OpenSSL::SSL::SSLError

  # @return [OpenSSL::SSL::SSLSocket]
  attr_reader :ssl

  # @param tcp [Socket] connected
  # @param name [String, nil] the host that the client asks for (SNI)
  # @param context [Hash{Symbol => Object}] what is set of the SSLContext: `alpn_protocols`, `cert`, `key`, `max_version`…
  # @raise [OpenSSL::SSL::SSLError, SystemCallError] if the handshake fails
  def initialize(tcp, name: nil, session: nil, **context)
    settings = OpenSSL::SSL::SSLContext.new
    context.each { |setting, value| settings.public_send("#{setting}=", value) }
    @ssl = OpenSSL::SSL::SSLSocket.new(tcp, settings)
    ssl.sync_close = true
    ssl.hostname = name if name
    ssl.session = session if session
    ssl.connect
  end

  def write_nonblock(bytes, exception: true) = ssl.write_nonblock(bytes, exception: exception)

  # As of a socket: an end without close_notify is a connection that was broken.
  def read_nonblock(size, exception: true)
    ssl.read_nonblock(size, exception: exception)
  rescue OpenSSL::SSL::SSLError
    raise Errno::ECONNRESET, "the connection ended without close_notify"
  end

  # What was decrypted and not read waits in here.
  def wait_readable(timeout) = ssl.pending.positive? || ssl.to_io.wait_readable(timeout)

  def wait_writable(timeout) = ssl.to_io.wait_writable(timeout)

  def setsockopt(...) = ssl.to_io.setsockopt(...)

  # Says close_notify and goes on reading.
  def close_write = ssl.__send__(:stop)

  # Closes the connection under it alone: no close_notify is said.
  def close_wire = ssl.to_io.close

  def close = ssl.close

  def closed? = ssl.to_io.closed?

  def local_address = ssl.to_io.local_address
end
