# frozen_string_literal: true

# Server-sent events to all who listen: a group of streams, which needs no thread and no loop, and sends heartbeats of its own.
#
#   penstock examples/sse.ru
#   curl -N http://127.0.0.1:9292/events               (in several terminals)
#   curl -d "good morning" http://127.0.0.1:9292/      (reaches all of them)
#
# HEARTBEAT gives the seconds of silence after which the streams are sent a comment, so that no proxy takes them for dead.

listeners = Penstock::Group.new(heartbeat: Float(ENV.fetch("HEARTBEAT", "15")))

# Clients of event streams connect again by themselves; to another process, when this one ends.
Penstock.on_drain { listeners.close }

events = { "content-type" => "text/event-stream", "cache-control" => "no-cache, no-transform" }

# An event: each line of its text is a field.
event = ->(text) { "#{text.gsub(/\r\n|\r|\n/, "\n").each_line(chomp: true).map { |line| "data: #{line}\n" }.join}\n" }

run(lambda do |env|
  case [env["REQUEST_METHOD"], env["PATH_INFO"]]
  when %w[GET /events]
    # Before the body gets it, since Rack::Lint lets only the methods of Rack's SPEC through.
    stream = env["penstock.stream"]
    join = lambda do |body|
      body.write("retry: 1000\n\n")
      listeners << stream
    rescue Penstock::Error
      body.close # The group was closed in between: the process ends.
    end
    [200, events, join]
  when %w[POST /]
    count = listeners.write(event.call(env["rack.input"].read))
    [202, { "content-type" => "text/plain" }, ["sent to #{count}\n"]]
  else
    [404, { "content-type" => "text/plain" }, ["GET /events, or POST /\n"]]
  end
end)
