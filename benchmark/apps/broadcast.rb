# frozen_string_literal: true

# Open streams, and a broadcast to all of them.
#
#   GET /stream         a streaming body that returns and leaves its stream open
#   GET /hijack         the same as a partial hijack, for servers whose streaming bodies hold a thread
#   GET /group          a streaming body whose stream is a member of a Penstock::Group
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
    @group = Penstock::Group.new if defined?(Penstock::Group)
  end

  # @param env [Hash] of Rack
  # @return [Array] a Rack response
  def call(env)
    opening_of(env) || text(answer(env["PATH_INFO"]))
  end

  private

  def opening_of(env)
    case env["PATH_INFO"]
    when "/stream" then [200, headers, opening(env["penstock.stream"])]
    when "/group" then [200, headers, method(:join)]
    when "/hijack" then [200, headers.merge("rack.hijack" => opening(env["penstock.stream"])), []]
    end
  end

  def answer(path)
    case path
    when %r{\A/broadcast/\d+\z} then broadcast(message(Integer(File.basename(path), 10)))
    when "/close" then close
    when "/open" then count
    when "/objects" then live_objects
    else "Hello, world!"
    end
  end

  # The body of a stream that the group keeps.
  def join(stream)
    stream.write(message(0))
    @group << stream
  end

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

  def count = open_streams.size + @group&.size.to_i

  def open_streams = @lock.synchronize { @streams.keys }

  def broadcast(message)
    written = @group&.write(message).to_i
    written + open_streams.count do |stream|
      stream.write(message)
    rescue *GONE
      forget(stream)
      stream.close
      false
    end
  end

  def close
    members = close_group
    members + open_streams.each do |stream|
      forget(stream)
      stream.close
    end.size
  end

  # A group that was closed takes no more streams.
  def close_group
    return 0 unless @group

    size = @group.size
    @group.close
    @group = Penstock::Group.new
    size
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
