# frozen_string_literal: true

require "eventmachine"

# A Rack application that hijacks every request and attaches its socket to EventMachine's reactor. There a line that is a
# number is answered with so many bytes and the end of the connection, any other line with itself in capitals.
class EventMachineEcho
  # What it writes first.
  HEAD = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n"

  # One socket in the reactor.
  module Session
    # @param open [Queue] holds one element for each open session
    def initialize(open)
      super()
      @open = open
      @open << self
      @input = "".b
      send_data(HEAD)
    end

    # EventMachine has read something.
    def receive_data(bytes)
      @input << bytes
      while (line = @input.slice!(/\A[^\n]*\n/))
        line.match?(/\A\d+\n/) ? finish(line.to_i) : send_data(line.upcase)
      end
    end

    # The connection has ended.
    def unbind
      @open.pop
    end

    private

    def finish(size)
      send_data("x" * size)
      close_connection_after_writing
    end
  end

  # Starts the reactor, if none runs.
  def self.start_reactor
    return if EventMachine.reactor_running?

    started = Queue.new
    Thread.new { EventMachine.run { started << true } }
    started.pop
  end

  def initialize
    self.class.start_reactor
    @open = Queue.new
  end

  # Rack's entry point.
  def call(env)
    io = env["rack.hijack"].call
    EventMachine.schedule { EventMachine.attach(io, Session, @open) }
    [-1, {}, []]
  end

  # @return [Integer] sessions that EventMachine has open
  def open
    @open.size
  end
end
