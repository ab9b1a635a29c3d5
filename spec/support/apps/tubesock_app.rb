# frozen_string_literal: true

require "rack"
require "tubesock"

# A Rack application with tubesock: its WebSockets answer a text with itself, and "bye" with their end.
class TubesockApp
  # What happened: `:open`, `:close`, or a text that came.
  #
  # @return [Queue]
  attr_reader :events

  # @return [Tubesock, nil] what the last request opened
  attr_reader :last

  def initialize
    @events = Queue.new
  end

  # Rack's entry point.
  def call(env)
    return [200, { "content-type" => "text/plain" }, ["ordinary"]] unless env["HTTP_UPGRADE"]

    tubesock = @last = Tubesock.hijack(env)
    tubesock.onopen { events << :open }
    tubesock.onclose { events << :close }
    tubesock.onmessage do |text|
      events << text
      text == "bye" ? tubesock.close : tubesock.send_data(text)
    end
    tubesock.listen
    [-1, {}, []]
  end
end
