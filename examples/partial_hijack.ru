# frozen_string_literal: true

# A partial hijack: streams that stay open without a thread each, and one thread that writes to all of them.
#
#   penstock examples/partial_hijack.ru
#   curl -N http://127.0.0.1:9292/                  (in several terminals)
#   curl -d "good morning" http://127.0.0.1:9292/   (reaches all of them)

# The streams that are open, and the lock of that list.
streams = []
lock = Mutex.new

# What is still to be sent.
news = Thread::Queue.new

Thread.new do
  while (text = news.pop)
    lock.synchronize { streams.dup }.each do |stream|
      stream.write("#{text}\n")
    rescue IOError, Errno::EPIPE, Errno::ECONNRESET
      # The client has left; on_close takes the stream off the list.
    end
  end
end

run(lambda do |env|
  if env["REQUEST_METHOD"] == "POST"
    news << env["rack.input"].read
    next [202, { "content-type" => "text/plain" }, ["sent\n"]]
  end

  # Before the proc gets it, since Rack::Lint lets only the methods of Rack's SPEC through.
  stream = env["penstock.stream"]
  stream.slow_consumer = :disconnect # One slow client must not hold up the others.

  open = lambda do |opened|
    opened.write("welcome\n")
    lock.synchronize { streams << stream }
    # Behind the line above: it is called at once where the client has left by now.
    stream.on_close { lock.synchronize { streams.delete(stream) } }
  end
  # nil, since Rack::ContentLength would announce the length of an Array.
  [200, { "content-type" => "text/plain", "cache-control" => "no-transform", "rack.hijack" => open }, nil]
end)
