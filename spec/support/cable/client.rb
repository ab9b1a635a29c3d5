# frozen_string_literal: true

require "json"
require_relative "../eventually"
require_relative "web_socket"

module Cable
  # ActionCable's subprotocol (actioncable-v1-json) on a WebSocket.
  class Client
    include Eventually

    # Raised when the server refuses a subscription.
    class Rejected < StandardError; end

    # @return [WebSocket]
    attr_reader :socket

    # @param socket [WebSocket]
    def initialize(socket)
      @socket = socket
    end

    # @return [Array<Hash>] all that the server sent so far
    def frames
      socket.messages.map { |message| JSON.parse(message) }
    end

    # @param type [String] "welcome", "ping", "disconnect"…
    # @return [Array<Hash>] what the server sent so far of that type
    def frames_of(type)
      frames.select { |frame| frame["type"] == type }
    end

    # Waits for the server's greeting: before it, ActionCable takes no command.
    #
    # @return [self]
    def welcomed
      eventually(20) { frames_of("welcome").any? }
      self
    end

    # Subscribes to a room and does not wait for the answer.
    def subscribe(room)
      command("subscribe", room)
    end

    # Subscribes to a room and waits for the answer.
    #
    # @return [self]
    # @raise [Rejected]
    def join(room)
      subscribe(room)
      answer = eventually(20) { frames.reverse.find { |frame| frame["identifier"] == identifier(room) && frame["type"] } }
      raise Rejected, room unless answer["type"] == "confirm_subscription"

      self
    end

    # Ends the subscription to a room; ActionCable does not answer.
    def leave(room)
      command("unsubscribe", room)
    end

    # Calls a method of the room's channel.
    def perform(room, action, **data)
      socket.text(JSON.generate(message(room, action, data)))
    end

    # The same, sent in `count` frames.
    def perform_in_fragments(room, action, count, **data)
      json = JSON.generate(message(room, action, data))
      socket.fragments(json.scan(/.{1,#{(json.size / count.to_f).ceil}}/m))
    end

    # @return [Array<Hash>] what came from the room so far
    def heard(room)
      frames.filter_map { |frame| frame["message"] if frame["identifier"] == identifier(room) }
    end

    private

    def message(room, action, data)
      { command: "message", identifier: identifier(room), data: JSON.generate(data.merge(action: action)) }
    end

    def command(name, room)
      socket.text(JSON.generate(command: name, identifier: identifier(room)))
    end

    def identifier(room)
      JSON.generate(channel: "RoomChannel", room: room)
    end
  end
end
