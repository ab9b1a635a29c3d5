# frozen_string_literal: true

# Open streams, and a broadcast to all of them.
#
#   GET /stream         a streaming body that returns and leaves its stream open
#   GET /hijack         the same as a partial hijack, for servers whose streaming bodies hold a thread
#   POST /broadcast/N   writes message N to each open stream
#   POST /close         closes each of them
#   GET /open           how many there are, as far as the application knows
#   GET /objects        live objects after a full collection
#   GET /hello          an ordinary request
class Broadcast
  # What a server may raise for a client that has gone. Falcon has errors of its own: two of HTTP/1, and on HTTP/2 one that
  # would end the task of whoever writes, for it is meant for the stream's own.
  GONE = [
    IOError, Errno::EPIPE, Errno::ECONNRESET,
    *(Protocol::HTTP::Body::Writable::Closed if defined?(Protocol::HTTP)),
    *(Protocol::HTTP::RemoteError if defined?(Protocol::HTTP::RemoteError)), *(Async::Cancel if defined?(Async::Cancel))
  ].freeze

  # @param type [String] the content-type of the streams
  # @param format [String] of a message, for its number; it has "#" in front of the number and nowhere else, for the client looks
  #   for that
  def initialize(type, format)
    @type = type
    @format = format
    @streams = {}.compare_by_identity
    @lock = Mutex.new
  end

  # @param env [Hash] of Rack
  # @return [Array] a Rack response
  def call(env)
    case env["PATH_INFO"]
    when "/stream" then [200, headers, opening(env["penstock.stream"])]
    when "/hijack" then [200, headers.merge("rack.hijack" => opening(env["penstock.stream"])), []]
    when %r{\A/broadcast/\d+\z} then text(broadcast(message(Integer(File.basename(env["PATH_INFO"]), 10))))
    when "/close" then text(close)
    when "/open" then text(open_streams.size)
    when "/objects" then text(live_objects)
    else text("Hello, world!")
    end
  end

  private

  # The body of a stream. It keeps nothing of the request but what tells that the client has gone.
  def opening(notifier)
    ->(stream) { keep(stream, notifier) }
  end

  def keep(stream, notifier)
    stream.write(message(0))
    @lock.synchronize { @streams[stream] = true }
    notifier&.on_close { forget(stream) }
  end

  def forget(stream) = @lock.synchronize { @streams.delete(stream) }

  def open_streams = @lock.synchronize { @streams.keys }

  def broadcast(message)
    open_streams.count do |stream|
      stream.write(message)
    rescue *GONE
      forget(stream)
      stream.close
      false
    end
  end

  def close
    open_streams.each do |stream|
      forget(stream)
      stream.close
    end.size
  end

  def live_objects
    GC.start
    counts = ObjectSpace.count_objects
    counts[:TOTAL] - counts[:FREE]
  end

  def message(number) = format(@format, number)

  def headers = { "content-type" => @type }

  def text(value)
    body = "#{value}\n"
    [200, { "content-type" => "text/plain", "content-length" => body.bytesize.to_s }, [body]]
  end
end
