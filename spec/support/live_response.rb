# frozen_string_literal: true

require "zlib"

# A response whose body is read while it is being written, whatever its framing: chunked, with a length, or until the
# connection closes; gzip is decoded.
class LiveResponse
  # @param client [RawClient] on which the request has been written
  # @param head [Boolean] whether the request was a HEAD, whose response has no body
  def initialize(client, head: false)
    @client = client
    @bodiless = head
    @text = "".b
  end

  # @return [Integer]
  def status
    head.status
  end

  # @return [String, nil] the value of a field
  def [](name)
    head[name]
  end

  # @return [Hash{String => Array<String>}]
  def headers
    head.headers
  end

  # Waits until the body so far has a match.
  #
  # @param pattern [Regexp, String]
  # @return [String] the body up to and including the match; what follows stays for the next call
  # @raise [RawClient::TimedOut, RawClient::Truncated]
  def text_until(pattern)
    until (match = @text.match(Regexp.union(pattern)))
      piece = read_piece or raise RawClient::Truncated, "the body ended before #{pattern.inspect}: #{@text.inspect}"
      @text << piece
    end
    @text.slice!(0, match.end(0))
  end

  # @return [String] the rest of the body
  # @raise [RawClient::Truncated] if it does not come to a proper end
  def rest
    while (piece = read_piece)
      @text << piece
    end
    @text.slice!(0..)
  end

  # Whether the response breaks off: the connection ends without what its framing promises.
  def broken?
    rest
    false
  rescue RawClient::Truncated
    true
  end

  private

  def head
    @head ||= @client.read_head
  end

  # @return [String, nil] nil at the end of the body
  def read_piece
    return if @bodiless

    piece = read_framed
    piece && inflater ? inflater.inflate(piece) : piece
  end

  def read_framed
    if headers["transfer-encoding"] then @ended ? nil : (@client.read_chunk || end_now)
    elsif headers["content-length"] then read_counted
    else read_unframed
    end
  end

  def read_counted
    @bodiless = true
    @client.read_bytes(Integer(self["content-length"], 10))
  end

  def read_unframed
    @client.read_until(/.+/mn)
  rescue RawClient::Truncated
    raise unless @client.eof?(0)
  end

  # Notes that the last chunk has come.
  def end_now
    @ended = true
    nil
  end

  def inflater
    return unless self["content-encoding"] == "gzip"

    @inflater ||= Zlib::Inflate.new(16 + Zlib::MAX_WBITS)
  end
end
