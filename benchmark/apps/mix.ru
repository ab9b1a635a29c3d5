# frozen_string_literal: true

# One of each kind of response, for the soak test.
#
#   GET /hello, /enumerable, /streaming, /partial_hijack, /full_hijack; POST /echo
#   GET /objects        live objects after a full collection
class Mix
  # How many chunks a body has.
  COUNT = 20

  # A chunk, 32 bytes.
  CHUNK = "data: a message of thirty-two\n\n\n"

  # A body that yields its chunks from each.
  ENUMERABLE = Enumerator.new { |chunks| COUNT.times { chunks << CHUNK } }

  # A streaming body, and the proc of a partial hijack.
  WRITER = lambda { |stream|
    COUNT.times { stream.write(CHUNK) }
    stream.close
  }

  # What the application writes after a full hijack.
  BY_HAND = "HTTP/1.1 200 OK\r\ncontent-length: 14\r\nconnection: close\r\n\r\nHello, world!\n"

  # @param env [Hash] of Rack
  # @return [Array] a Rack response
  def call(env)
    case env["PATH_INFO"]
    when "/enumerable" then [200, headers, ENUMERABLE]
    when "/streaming" then [200, headers, WRITER]
    when "/partial_hijack" then [200, headers.merge("rack.hijack" => WRITER), []]
    when "/full_hijack" then full_hijack(env)
    when "/echo" then text(env["rack.input"].read)
    when "/objects" then text(live_objects)
    else text("Hello, world!\n")
    end
  end

  private

  def full_hijack(env)
    io = env["rack.hijack"].call
    io.write(BY_HAND)
    io.close
    [-1, {}, []]
  end

  def live_objects
    GC.start
    counts = ObjectSpace.count_objects
    (counts[:TOTAL] - counts[:FREE]).to_s
  end

  def headers = { "content-type" => "text/plain" }

  def text(body) = [200, headers.merge("content-length" => body.bytesize.to_s), [body]]
end

run Mix.new
