# frozen_string_literal: true

require_relative "../raw_client"
require_relative "frames"
require_relative "stream"

module Http2
  # A client on whose connection a spec sends the frames that it likes. It reads only while it waits for something, and every
  # wait is bounded.
  class Client
    # @return [Array(Integer, Symbol), nil] last stream and code of the last GOAWAY that has come
    attr_reader :goaway
    # @return [Hash{Integer => Integer}] the server's settings
    attr_reader :settings
    # @return [Array<Frame>] all frames that have come, but for DATA
    attr_reader :frames
    # @return [RawClient] the connection
    attr_reader :raw

    # @param url [String]
    # @param settings [Hash] of {SETTINGS}
    # @param preface [Boolean] whether to begin as a client has to
    # @param opens_windows [Boolean] whether windows are opened again for what has come
    # @param pongs [Boolean] whether PINGs are answered
    # @param options [Hash] of RawClient
    def initialize(url, settings: {}, preface: true, opens_windows: true, pongs: true, **options)
      options[:alpn_protocols] = %w[h2] if url.start_with?("https:")
      @raw = RawClient.new(url, **options)
      @opens_windows = opens_windows
      @pongs = pongs
      @frames = []
      @settings = {}
      @streams = {}
      @next = 1
      @window = 65_535
      @decoder = Protocol::HPACK::Context.new
      return unless preface

      raw.write(PREFACE)
      send_frame(:settings, payload: Http2.settings(settings))
    end

    # Sends a frame.
    # @return [self]
    def send_frame(type, flags: 0, stream: 0, payload: "")
      raw.write(Frame.new(type, flags, stream, payload).bytes)
      self
    end

    # Sends a request, and waits for nothing.
    #
    # @param headers [Hash{String => String, Array<String>}] pseudo-header fields in it replace those that every request has,
    #   and nil leaves one out
    # @param body [String, nil] sent as it is
    # @param ended [Boolean] whether the request ends with its head, or with its body
    # @return [Stream]
    def request(method, path, headers: {}, body: nil, ended: true)
      fields = { ":method" => method, ":scheme" => "http", ":authority" => "example.org", ":path" => path }.merge(headers)
      stream = open_stream(method: method)
      stream.send_head(fields.compact.flat_map { |name, values| Array(values).map { |value| [name, value] } }, ended: ended && !body)
      stream.write(body, ended: ended) if body
      stream
    end

    # @return [Stream] the next one, on which nothing was sent
    def open_stream(method: "GET")
      id = @next
      @next += 2
      @streams[id] = Stream.new(self, id, head: method == "HEAD")
    end

    # Reads until the block returns something truthy, and returns that.
    # @param what [String] for the message
    # @raise [RawClient::TimedOut, RawClient::Truncated]
    def wait_for(what)
      deadline = now + RawClient::TIMEOUT
      loop do
        found = yield
        return found if found
        raise RawClient::TimedOut, "waited for #{what}; frames so far: #{frames.last(20).inspect}" if now > deadline

        receive(read_frame)
      end
    end

    # @return [Symbol] the code of the GOAWAY that ends the connection
    def wait_goaway
      wait_for("a GOAWAY") { goaway&.last }
    end

    # What the server has said of a fault: `[:connection, code]` by a GOAWAY, `[:stream, code]` by a RST_STREAM; nil: nothing.
    def fault
      return [:connection, goaway.last] if goaway

      reset = frames.find { |frame| frame.type == :rst_stream }
      [:stream, ERRORS.fetch(reset.payload.unpack1("N"))] if reset
    end

    # Leaves the numbers of so many streams out, which a spec has used by itself.
    def skip_streams(count)
      @next += 2 * count
    end

    # Has all that was sent so far reach the server, and what it says to it come back.
    # @return [self]
    def round_trip
      payload = [@pings = (@pings || 0) + 1].pack("Q>")
      send_frame(:ping, payload: payload)
      wait_for("a PONG") { frames.any? { |frame| frame.type == :ping && frame.flag?(ACK) && frame.payload == payload } }
      self
    end

    # Whether the server ends the connection, after whatever frames.
    def ended?
      wait_for("the end of the connection") { false }
    rescue RawClient::Truncated
      true
    rescue RawClient::TimedOut
      false
    end

    # How much may be sent on the connection, in bytes.
    attr_accessor :window

    # What a stream's window is at its start, in bytes.
    def initial_window
      settings.fetch(SETTINGS[:initial_window_size], 65_535)
    end

    # The server's first settings have come.
    # @return [self]
    def ready
      wait_for("SETTINGS") { frames.any? { |frame| frame.type == :settings } }
      self
    end

    # Opens a window.
    # @param stream [Integer] 0 for the connection's
    def open_window(bytes, stream: 0)
      send_frame(:window_update, stream: stream, payload: [bytes].pack("N"))
    end

    def close = raw.close

    def abort = raw.abort

    private

    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

    def read_frame
      head = raw.read_bytes(9)
      length = ("\0".b + head.byteslice(0, 3)).unpack1("N")
      type, flags, stream = head.byteslice(3, 6).unpack("CCN")
      Frame.new(TYPES.fetch(type, type), flags, stream & 0x7fffffff, raw.read_bytes(length))
    end

    def receive(frame)
      frames << frame unless frame.type == :data
      case frame.type
      when :headers, :continuation then receive_head(frame)
      when :data then receive_data(frame)
      when :rst_stream then @streams[frame.stream]&.receive_reset(ERRORS.fetch(frame.payload.unpack1("N")))
      else receive_control(frame)
      end
    end

    def receive_control(frame)
      case frame.type
      when :settings then receive_settings(frame)
      when :ping then send_frame(:ping, flags: ACK, payload: frame.payload) if @pongs && !frame.flag?(ACK)
      when :goaway then @goaway = frame.payload.unpack("NN").then { |last, code| [last, ERRORS.fetch(code, code)] }
      when :window_update then receive_window(frame)
      end
    end

    def receive_settings(frame)
      return if frame.flag?(ACK)

      before = initial_window
      settings.merge!(frame.payload.unpack("nN" * (frame.payload.bytesize / 6)).each_slice(2).to_h)
      @streams.each_value { |stream| stream.window += initial_window - before }
      send_frame(:settings, flags: ACK)
    end

    def receive_window(frame)
      target = frame.stream.zero? ? self : @streams[frame.stream]
      target.window += frame.payload.unpack1("N") if target
    end

    def receive_head(frame)
      @block = frame.type == :headers ? frame.payload : @block + frame.payload
      @ends = frame.flag?(END_STREAM) if frame.type == :headers
      return unless frame.flag?(END_HEADERS)

      fields = Protocol::HPACK::Decompressor.new(@block.dup, @decoder).decode
      @streams[frame.stream]&.receive_head(fields, @ends)
    end

    def receive_data(frame)
      @streams[frame.stream]&.receive_data(frame.payload, frame.flag?(END_STREAM))
      return if !@opens_windows || frame.payload.empty?

      open_window(frame.payload.bytesize)
      open_window(frame.payload.bytesize, stream: frame.stream) unless frame.flag?(END_STREAM)
    end
  end
end
