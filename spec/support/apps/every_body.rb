# frozen_string_literal: true

require "tempfile"
require_relative "../latch"

# A Rack application that answers in each of the ways that Rack knows; the path says which. Each response is "one two
# three", or "one ", and "two three" when the spec lets it go on: so a spec sees whether the first part leaves at once.
class EveryBody
  # Paths whose response is whole when it is returned.
  WHOLE = %w[/array /enumerable /file].freeze

  # Paths whose response is written by the server's own call of the body, which waits for {#go_on}.
  WAITING = %w[/each /stream /partial].freeze

  # Paths whose call has returned while the response is still open; the thread that calls {#go_on} ends it.
  LEFT_OPEN = %w[/stream-left-open /partial-left-open /full].freeze

  # The body of every response.
  TEXT = "one two three"

  # A body that remembers how often it was closed.
  class Body
    # @return [Integer]
    attr_reader :closed

    def initialize
      @closed = 0
    end

    # Rack's end of a body.
    def close
      @closed += 1
    end
  end

  # An enumerable body.
  class Each < Body
    def initialize(&block)
      super
      @block = block
    end

    # Rack's way to consume it.
    def each(&)
      @block.call(&)
    end
  end

  # A streaming body.
  class Stream < Body
    def initialize(&block)
      super
      @block = block
    end

    # Rack's way to consume it.
    def call(stream)
      @block.call(stream)
    end
  end

  # A body in a file.
  class OnDisk < Each
    # @return [String]
    attr_reader :to_path

    def initialize(path)
      super() { |&block| block.call(File.read(path)) }
      @to_path = path
    end
  end

  # @return [Body, nil] what the last call returned
  attr_reader :body

  # @param headers [Hash{String => String}] further fields of every response
  def initialize(headers = {})
    @headers = { "content-type" => "text/plain" }.merge(headers)
    @latch = Latch.new
    @open = Queue.new
  end

  # Rack's entry point.
  def call(env)
    headers = @headers.dup
    name = "answer_#{env["PATH_INFO"].delete_prefix("/").tr("-", "_")}"
    return [200, headers, ["ordinary"]] unless respond_to?(name, true)

    result = send(name, env, headers)
    return result if result.is_a?(Array) && result.first.is_a?(Integer)

    @body = result if result.is_a?(Body)
    [200, headers, result]
  end

  # Lets the response go on to its end.
  def go_on
    @latch.open
    finish(@open.pop) until @open.empty?
  end

  # Whether a response has been left open.
  def left_open?
    !@open.empty?
  end

  private

  def answer_array(_env, _headers)
    ["one ", "two ", "three"]
  end

  def answer_enumerable(_env, _headers)
    Each.new { |&block| ["one ", "two ", "three"].each(&block) }
  end

  def answer_file(_env, headers)
    @file ||= Tempfile.new("every-body").tap { |file| file.write(TEXT) && file.flush }
    headers["content-length"] = TEXT.bytesize.to_s
    OnDisk.new(@file.path)
  end

  def answer_each(_env, _headers)
    Each.new do |&block|
      block.call("one ")
      @latch.wait
      block.call("two ")
      block.call("three")
    end
  end

  def answer_stream(_env, _headers)
    Stream.new { |stream| write_now(stream) }
  end

  def answer_stream_left_open(_env, _headers)
    Stream.new { |stream| leave_open(stream) }
  end

  def answer_partial(_env, headers)
    headers["rack.hijack"] = ->(stream) { write_now(stream) }
    Each.new { raise "the body of a partial hijack must not be consumed" }
  end

  def answer_partial_left_open(_env, headers)
    headers["rack.hijack"] = ->(stream) { leave_open(stream) }
    Each.new { raise "the body of a partial hijack must not be consumed" }
  end

  def answer_full(env, _headers)
    io = env["rack.hijack"].call
    io.write("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n")
    leave_open(io)
    @body = Each.new { raise "the body of a full hijack must not be consumed" }
    [200, { "content-type" => "text/plain" }, @body]
  end

  def write_now(stream)
    stream.write("one ")
    @latch.wait
    finish(stream)
  end

  def leave_open(stream)
    stream.write("one ")
    @open << stream
  end

  def finish(stream)
    stream.write("two ")
    stream << "three"
    stream.close
  end
end
