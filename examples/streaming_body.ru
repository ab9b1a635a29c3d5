# frozen_string_literal: true

# A streaming body: server-sent events, written while the application works.
#
#   penstock examples/streaming_body.ru
#   curl -N http://127.0.0.1:9292/
#
# INTERVAL gives the seconds between two events.

interval = Float(ENV.fetch("INTERVAL", "1"))

headers = {
  "content-type" => "text/event-stream",
  # Middleware that compresses leaves a response alone that may not be transformed.
  "cache-control" => "no-cache, no-transform"
}

run(lambda do |_env|
  body = lambda do |stream|
    1.upto(5) do |step|
      stream.write("event: progress\ndata: #{step * 20}\n\n")
      sleep interval unless step == 5
    end
    stream.write("event: done\ndata:\n\n")
  rescue Errno::EPIPE, Errno::ECONNRESET
    # The client has left; the work ends here.
  ensure
    stream.close
  end
  [200, headers, body]
end)
