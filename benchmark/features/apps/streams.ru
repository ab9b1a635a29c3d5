# frozen_string_literal: true

# What the checks ask a server for. The application waits for files and writes files in a folder that it shares with the
# checks, so that nothing of that depends on the server.
class Streams
  # How often a file is looked for, in seconds, and how long.
  INTERVAL = 0.01
  PATIENCE = 120

  # A piece of a large body, in bytes.
  PIECE = "x" * 65_536

  # How many pieces a large body has: 64 MiB.
  PIECES = 1024

  # What comes behind a body: one of the few fields that are of use there.
  TRAILER = ["server-timing", "work;dur=7"].freeze

  def initialize(folder)
    @folder = folder
    @open = []
  end

  # @param env [Hash] of Rack
  # @return [Array] a Rack response
  def call(env)
    _, kind, name = env["PATH_INFO"].split("/")
    case kind
    when "call" then [200, headers, ->(stream) { send(name, stream, env) }]
    when "each" then [200, headers, Enumerator.new { |body| send(name, body, env) }]
    when "partial" then partial(name, env)
    when "unasked" then unasked(name, env)
    when "full" then full_hijack(name, env)
    when "upgrade" then upgrade(env)
    when "trailers" then trailers(name, env)
    when "upload" then text(env["rack.input"].read.bytesize.to_s)
    when "pid" then text(Process.pid.to_s)
    else text("Hello\n")
    end
  end

  private

  def headers = { "content-type" => "text/plain", "cache-control" => "no-transform" }

  def text(body) = [200, headers.merge("content-length" => body.bytesize.to_s), [body]]

  def partial(name, env)
    return text("rack.hijack? is #{env["rack.hijack?"].inspect}") unless env["rack.hijack?"]

    unasked(name, env)
  end

  # A partial hijack also where env does not say that there is one: a server's documentation may say it.
  def unasked(name, env) = [200, headers.merge("rack.hijack" => ->(stream) { send(name, stream, env) }), []]

  # A partial hijack of a 101: a thread answers two words of four letters each.
  def upgrade(env)
    return text("rack.hijack? is #{env["rack.hijack?"].inspect}") unless env["rack.hijack?"]

    answer = lambda do |stream|
      thread do
        2.times { put(stream, stream.read(4)) }
        stream.close
      end
    end
    [101, { "connection" => "Upgrade", "upgrade" => "raw", "rack.hijack" => answer }, []]
  end

  def full_hijack(name, env)
    return text("rack.hijack? is #{env["rack.hijack?"].inspect}") unless env["rack.hijack?"]

    env["rack.input"].read if env["CONTENT_LENGTH"].to_i.positive?
    send(name, env["rack.hijack"].call, env)
    [-1, {}, []]
  end

  # Two writes, the second one when the client says that it has the first.
  def paced(stream, _env)
    put(stream, "one\n")
    wait("go")
    put(stream, "two\n")
    stream.close if stream.respond_to?(:close)
  end

  def raising(stream, _env)
    put(stream, "one\n")
    put(stream, "two\n")
    wait("go")
    raise "halfway"
  end

  # Returns and leaves the stream open: threads of the application go on with it.
  def left_open(stream, _env)
    put(stream, "one\n")
    thread do
      wait("go")
      put(stream, "two\n")
      finish(stream)
    end
  end

  # Does not return as long as the stream is open.
  def waiting(stream, _env)
    put(stream, "one\n")
    finish(stream)
  end

  # Leaves the stream open and looks whether it is closed, writing nothing.
  def watched(stream, env)
    put(stream, "one\n")
    env["penstock.stream"]&.on_close { tell("gone_watched", "`on_close`") }
    thread { tell("gone_watched", "`closed?`") if stream.respond_to?(:closed?) && poll { stream.closed? } }
  end

  # The same without returning: a server may end what waits.
  def watched_inside(stream, _env)
    put(stream, "one\n")
    thread { tell("gone_watched_inside", "`closed?`") if stream.respond_to?(:closed?) && poll { stream.closed? } }
    sleep PATIENCE
  ensure
    tell("gone_watched_inside", "`ensure`")
  end

  # Reads the stream, which may be the connection itself.
  def watched_reading(stream, _env)
    put(stream, "one\n")
    thread do
      stream.read(1)
    ensure
      tell("gone_watched_reading", "`read`, in a thread of the application that waits for that")
    end
  end

  # Writes without an end.
  def endless(stream, _env)
    thread do
      loop do
        put(stream, "tick\n")
        sleep 0.05
      end
    end
  end

  def large(stream, _env)
    PIECES.times do |number|
      stream << (PIECE + number.to_s) # Each a String of its own, as a real body has them.
      tell("taken", ((number + 1) * PIECE.bytesize).to_s)
    end
    stream.close if stream.respond_to?(:close)
  rescue StandardError => e
    tell("error", e.class.name)
    raise
  end

  # Answers each piece of the request's body before the next one comes.
  def echo(stream, env)
    input = env["rack.input"]
    2.times { put(stream, input.read(4)) }
    stream.close
  end

  # Says what the socket is, and sends back the bytes behind the request.
  def bytes_behind(io, env)
    thread do
      upgrade = "101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: raw"
      socket_head(io, env["HTTP_UPGRADE"] ? upgrade : "200 OK\r\nconnection: close")
      put(io, io.readpartial(100))
      io.close
    end
  end

  # An answer that the application writes by hand: two chunks, the second one when the client says that it has the first.
  def chunks(io, _env)
    thread do
      put(io, "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n4\r\none\n\r\n")
      wait("go")
      put(io, "4\r\ntwo\n\r\n0\r\n\r\n")
      io.close
    end
  end

  # A body, and behind it a field that is known only then, given in one of the ways that a server may look at.
  def trailers(way, env)
    fields = headers.merge("trailer" => "server-timing")
    env["rack.response_finished"]&.push(->(_, _, given, _) { given.add(*TRAILER) }) if way == "finished"
    body = Enumerator.new do |output|
      output << "body\n"
      env["penstock.stream"]&.trailers = [TRAILER].to_h if way == "stream"
      fields.store(*TRAILER) if way == "fields"
    end
    [200, fields, body]
  end

  def socket(io, _env)
    socket_head(io, "200 OK\r\nconnection: close")
    io.close
  end

  def socket_head(io, head)
    put(io, "HTTP/1.1 #{head}\r\n\r\nIt is #{io.is_a?(IO) ? "an IO" : "a #{io.class}"}.\n")
  end

  # Writes, and says that it is to leave at once; to the yielder of an `each` body nobody can say that.
  def put(stream, text)
    stream << text
    stream.flush if stream.respond_to?(:flush)
  end

  # The last write, when the client says so.
  def finish(stream)
    wait("close")
    put(stream, "end\n")
    stream.close
  end

  def thread(&)
    Thread.new(&).tap { |thread| thread.report_on_exception = false }
  end

  def wait(name) = poll { File.exist?(File.join(@folder, name)) }

  # Looks again and again until the block is true.
  # @return [Object, nil] nil: it did not become true
  def poll
    (PATIENCE / INTERVAL).to_i.times do
      value = yield
      return value if value

      sleep INTERVAL
    end
    nil
  end

  def tell(name, fact)
    File.write(File.join(@folder, "#{name}.new"), fact)
    File.rename(File.join(@folder, "#{name}.new"), File.join(@folder, name))
  end
end

run Streams.new(ENV.fetch("FEATURES_FOLDER"))
