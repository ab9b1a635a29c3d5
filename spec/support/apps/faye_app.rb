# frozen_string_literal: true

require "faye/websocket"

# A Rack application with faye-websocket: WebSockets and event streams. A WebSocket answers a text with itself; "bye"
# closes it from this side.
class FayeApp
  # What happened on a WebSocket or an event stream: `[:open]`, `[:message, text]`, `[:close, code]`.
  #
  # @return [Queue]
  attr_reader :events

  # @return [Hash, nil] the env of the last request
  attr_reader :env

  # @return [Faye::WebSocket, Faye::EventSource, nil] what the last request opened
  attr_reader :last

  def initialize
    @events = Queue.new
  end

  # Rack's entry point.
  def call(env)
    @env = env
    if Faye::WebSocket.websocket?(env) then web_socket(env)
    elsif Faye::EventSource.eventsource?(env) then event_source(env)
    else [200, { "content-type" => "text/plain" }, ["ordinary"]]
    end
  end

  # Runs a block in EventMachine's reactor, where faye wants to be called.
  def in_reactor(&)
    EventMachine.schedule(&)
  end

  private

  def web_socket(env)
    socket = @last = Faye::WebSocket.new(env, ["echo"])
    socket.on(:open) { events << [:open] }
    socket.on(:message) do |event|
      events << [:message, event.data]
      event.data == "bye" ? socket.close(4001, "as you wish") : socket.send(event.data)
    end
    socket.on(:close) { |event| events << [:close, event.code] }
    socket.rack_response
  end

  def event_source(env)
    source = @last = Faye::EventSource.new(env, retry: 1)
    source.on(:open) { events << [:open] }
    source.on(:close) { events << [:close] }
    source.rack_response
  end
end
