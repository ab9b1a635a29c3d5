# frozen_string_literal: true

require_relative "../raw_client"
require_relative "frames"

module Http2
  # One request of a {Client} and its response, which is read as it comes: what LiveResponse is for HTTP/1.
  class Stream
    # Most bytes of a frame.
    MAX_FRAME = 16_384

    # @return [Integer]
    attr_reader :id
    # @return [Array<Array(Integer, Hash)>] status and fields of each interim response that has come
    attr_reader :interim
    # @return [Hash{String => Array<String>}, nil] nil where none have come
    attr_reader :trailers
    # @return [Integer] how much may be sent, in bytes
    attr_accessor :window
    # @return [Client]
    attr_reader :client

    # @param head [Boolean] whether the request is a HEAD
    def initialize(client, id, head: false)
      @client = client
      @id = id
      @is_head = head
      @window = client.initial_window
      @interim = []
      @text = "".b
    end

    # Sends the head of the request, or trailers.
    # @param fields [Array<Array(String, String)>]
    def send_head(fields, ended: true)
      block = Http2.block(fields)
      pieces = block.empty? ? [block] : block.unpack("a#{MAX_FRAME}" * (block.bytesize.to_f / MAX_FRAME).ceil)
      pieces.each_with_index do |piece, number|
        flags = (piece.equal?(pieces.last) ? END_HEADERS : 0) | (number.zero? && ended ? END_STREAM : 0)
        client.send_frame(number.zero? ? :headers : :continuation, flags: flags, stream: id, payload: piece)
      end
      self
    end

    # Sends a part of the body, as the server's windows allow.
    # @param ended [Boolean] whether it is the last one
    def write(data, ended: false)
      rest = data.b
      loop do
        piece = rest.slice!(0, client.wait_for("room in the windows") { room(rest) })
        self.window -= piece.bytesize
        client.window -= piece.bytesize
        client.send_frame(:data, flags: ended && rest.empty? ? END_STREAM : 0, stream: id, payload: piece)
        return self if rest.empty?
      end
    end

    # Ends the request.
    def close_write = write("", ended: true)

    # Gives the stream up.
    def reset(code = :cancel)
      client.send_frame(:rst_stream, stream: id, payload: [ERRORS.index(code)].pack("N"))
      self
    end

    # @return [Integer]
    def status = Integer(head.fetch(":status").first, 10)

    # @return [Hash{String => Array<String>}]
    def headers = head.reject { |name, _| name.start_with?(":") }

    # @return [String, nil] the value of a field
    def [](name) = head[name]&.join(", ")

    # Waits until the body so far has a match.
    #
    # @return [String] the body up to and including the match; what follows stays for the next call
    def text_until(pattern)
      size = wait("a match of #{pattern.inspect}") { @text.match(Regexp.union(pattern))&.end(0) }
      @text.slice!(0, size)
    end

    # @return [String] exactly so many bytes of the body
    def read_bytes(count)
      wait("#{count} bytes") { @text.bytesize >= count }
      @text.slice!(0, count)
    end

    # @return [String] the rest of the body
    # @raise [RawClient::Truncated] if it does not come to a proper end
    def rest
      wait("the end of the stream") { @ended }
      @text.slice!(0..)
    end

    # @return [String] the whole of the response's body
    alias body rest

    # Whether the response breaks off.
    def broken?
      rest
      false
    rescue RawClient::Truncated
      true
    end

    # Waits for the server's RST_STREAM.
    # @return [Symbol] its code
    def reset_code
      client.wait_for("RST_STREAM") { @reset }
    end

    # @return [String] what of the body has come, without waiting
    def received = @text.dup

    # Whether the stream comes to its proper end with nothing more before it.
    def ended?
      wait("the end of the stream") { @ended } && @text.empty?
    end

    # Whether the server has ended the stream, as it should or by a reset.
    def over? = @ended || @reset ? true : false

    # Takes the fields of a frame.
    def receive_head(fields, ended)
      hash = fields.each_with_object({}) { |(name, value), all| (all[name] ||= []) << value }
      status = hash[":status"]&.first.to_i
      if status.between?(100, 199) then interim << [status, hash]
      elsif @head then @trailers = hash
      else @head = hash
      end
      @ended = true if ended
    end

    # Takes the data of a frame.
    def receive_data(data, ended)
      @text << data
      @ended = true if ended
    end

    # Takes the code of a RST_STREAM.
    def receive_reset(code)
      @reset = code
    end

    private

    def head = @head || wait("a head") { @head }

    def wait(what)
      client.wait_for("#{what} on stream #{id}") do
        found = yield
        raise RawClient::Truncated, "the stream was reset (#{@reset}) before #{what}: #{@text.inspect}" if @reset && !found && !@ended
        raise RawClient::Truncated, "the stream ended before #{what}: #{@text.inspect}" if @ended && !found

        found
      end
    end

    # How much of `rest` can be sent now; nil: nothing.
    def room(rest)
      return 0 if rest.empty?

      size = [rest.bytesize, window, client.window, MAX_FRAME].min
      size if size.positive?
    end
  end
end
