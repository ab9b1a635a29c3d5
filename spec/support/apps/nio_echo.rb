# frozen_string_literal: true

require "nio"

# A Rack application that hijacks every request and leaves its socket to one thread with one selector of nio4r. There a
# line that is a number is answered with so many bytes, any other line with itself in capitals.
class NioEcho
  # What it writes first.
  HEAD = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n"

  # One socket with what is to be written on it.
  Session = Struct.new(:io, :input, :output, :monitor)

  # @return [Array<Class>] what kinds of IO were hijacked
  attr_reader :kinds

  def initialize
    @selector = NIO::Selector.new
    @arrivals = Queue.new
    @kinds = []
    @sessions = []
    @thread = Thread.new { work }
  end

  # Rack's entry point.
  def call(env)
    @arrivals << env["rack.hijack"].call
    @selector.wakeup
    [-1, {}, []]
  end

  # @return [Integer] sockets that the selector watches
  def open
    @sessions.size
  end

  # Ends the thread, and closes the sockets and the selector.
  def stop
    @stopped = true
    @selector.wakeup
    @thread.join
    @sessions.dup.each { |session| finish(session) }
    @selector.close
  end

  private

  def work
    until @stopped
      register(@arrivals.pop) until @arrivals.empty?
      @selector.select { |monitor| attend(monitor.value) }
    end
  end

  def register(io)
    kinds << io.class
    session = Session.new(io, "".b, HEAD.b)
    session.monitor = @selector.register(io, :rw)
    session.monitor.value = session
    @sessions << session
  end

  def attend(session)
    read(session) if session.monitor.readable?
    write(session)
    session.monitor.interests = session.output.empty? ? :r : :rw unless session.monitor.closed?
  rescue EOFError, Errno::ECONNRESET, Errno::EPIPE
    finish(session)
  end

  def finish(session)
    session.monitor.close
    session.io.close
    @sessions.delete(session)
  end

  def read(session)
    bytes = session.io.read_nonblock(65_536, exception: false)
    raise EOFError if bytes.nil?

    session.input << bytes unless bytes == :wait_readable
    while (line = session.input.slice!(/\A[^\n]*\n/))
      session.output << (line.match?(/\A\d+\n/) ? "x" * line.to_i : line.upcase)
    end
  end

  def write(session)
    return if session.output.empty?

    written = session.io.write_nonblock(session.output, exception: false)
    session.output = session.output.byteslice(written..) if written.is_a?(Integer)
  end
end
