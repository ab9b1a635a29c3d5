# frozen_string_literal: true

require "action_cable"

module ApplicationCable
  # Everybody may connect under the name that the query string gives, but for "stranger".
  class Connection < ActionCable::Connection::Base
    identified_by :name

    def connect
      self.name = request.params["name"]
      reject_unauthorized_connection if name == "stranger"
    end
  end
end

# A room: what one says, all hear. The room "locked" lets nobody in.
class RoomChannel < ActionCable::Channel::Base
  # The room that hears who has left.
  DEPARTURES = "departures"

  def subscribed
    return reject if room == "locked"

    stream_from room
  end

  def unsubscribed
    ActionCable.server.broadcast(DEPARTURES, { name: connection.name, room: room })
  end

  # Sends a text to everybody in the room.
  def speak(data)
    ActionCable.server.broadcast(room, { text: data.fetch("text"), from: connection.name })
  end

  # Sends the numbers from 0 up to everybody in the room, one message each.
  def count(data)
    data.fetch("upto").times { |number| ActionCable.server.broadcast(room, { number: number }) }
  end

  # Sends a text back to the caller alone.
  def echo(data)
    transmit({ text: data.fetch("text") })
  end

  # Sends a text back to the caller alone, as often as asked, numbered from 0.
  def recite(data)
    data.fetch("times").times { |number| transmit({ number: number, text: data.fetch("text") }) }
  end

  private

  def room
    params.fetch(:room)
  end
end
