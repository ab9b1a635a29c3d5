# frozen_string_literal: true

require "socket"

# A proxy that knows nothing of what it passes on: on each connection to the server a header goes first, in one segment with
# the first bytes of the client.
class Relay
  # @param url [String] the server's, on TCP
  # @param header [String]
  def initialize(url, header)
    @server = URI(url)
    @header = header
    @listener = TCPServer.new("127.0.0.1", 0)
    @sockets = Queue.new
    @threads = Queue.new
    run { loop { pass_on(@listener.accept) } }
  end

  # @return [String] where it listens, with the server's scheme
  def url
    "#{@server.scheme}://127.0.0.1:#{@listener.local_address.ip_port}"
  end

  # Ends it, and all connections.
  def close
    @listener.close
    @sockets.pop.close until @sockets.empty?
    @threads.pop.join until @threads.empty?
  end

  private

  def pass_on(client)
    server = TCPSocket.new(@server.host, @server.port)
    [client, server].each { |socket| @sockets << socket }
    run { copy(client, server, @header) }
    run { copy(server, client, "") }
  end

  def copy(from, to, first)
    loop do
      to.write(first + from.readpartial(65_536))
      first = ""
    end
  rescue EOFError
    to.close_write
  end

  # A side that has closed ends what was to be copied to it or from it.
  def run
    @threads << Thread.new do
      yield
    rescue IOError, SystemCallError
      nil
    end
  end
end
