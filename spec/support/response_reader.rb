# frozen_string_literal: true

# Reads HTTP/1 responses off a connection that offers `read_line`, `read_bytes` and `read_to_eof`.
module ResponseReader
  # One response, interim ones (1xx) included.
  #
  # @!attribute status [Integer]
  # @!attribute reason [String] the reason phrase, may be empty
  # @!attribute headers [Hash{String => Array<String>}] lower-case names, one element for each field
  # @!attribute body [String, nil] decoded, binary; nil where the response has none (1xx, HEAD, 204, 304)
  # @!attribute version [String] "HTTP/1.1" or "HTTP/1.0"
  # @!attribute trailers [Hash{String => Array<String>}] the fields behind the last chunk
  Response = Struct.new(:status, :reason, :headers, :body, :version, :trailers) do
    # @return [String, nil] the field's values, joined
    def [](name)
      name.is_a?(String) ? headers[name]&.join(", ") : super
    end

    # @return [Boolean] whether the server announced that it closes the connection
    def closing?
      headers.fetch("connection", []).any? { |value| value.downcase.include?("close") }
    end
  end

  # Reads one response whole.
  #
  # @param head [Boolean] whether it answers a HEAD request, which has no body whatever its fields say
  # @return [Response]
  # @raise [RawClient::Truncated] if the connection ends before the response does
  def read_response(head: false)
    response = read_head
    response.body = read_body(response) unless head || bodiless?(response.status)
    response
  end

  # Reads responses until one is final, and drops the interim ones.
  def read_final_response(head: false)
    loop do
      response = read_response(head: head)
      return response unless (100..199).cover?(response.status) && response.status != 101
    end
  end

  # Reads status line and fields, and leaves the body on the connection.
  #
  # @return [Response] with a nil body
  def read_head
    line = read_line
    match = line.match(%r{\A(HTTP/1\.[01]) (\d{3}) ?(.*)\z}n) or raise RawClient::Malformed, "no status line: #{line.inspect}"
    Response.new(match[2].to_i, match[3], read_fields, nil, match[1], {})
  end

  # Reads one chunk of a chunked body.
  #
  # @return [String, nil] its data; nil for the last chunk, whose trailer fields are read too and kept in {#trailers}
  def read_chunk
    line = read_line
    size = line[/\A\h+(?=\z|;)/] or raise RawClient::Malformed, "no chunk size: #{line.inspect}"
    if size.hex.zero?
      @trailers = read_fields
      return nil
    end

    data = read_bytes(size.hex)
    ending = read_bytes(2)
    raise RawClient::Malformed, "a chunk ends in #{ending.inspect}" unless ending == "\r\n"

    data
  end

  # @return [Hash{String => Array<String>}] the trailer fields of the last chunked body
  def trailers
    @trailers || {}
  end

  private

  def bodiless?(status)
    status < 200 || status == 204 || status == 304
  end

  def read_fields
    fields = {}
    until (line = read_line).empty?
      name, value = line.split(":", 2)
      raise RawClient::Malformed, "no field: #{line.inspect}" unless value

      (fields[name.downcase] ||= []) << value.strip
    end
    fields
  end

  def read_body(response)
    if response.headers["transfer-encoding"]
      body = String.new(encoding: Encoding::BINARY)
      while (chunk = read_chunk)
        body << chunk
      end
      response.trailers = trailers
      body
    elsif (length = response.headers["content-length"])
      read_bytes(Integer(length.first, 10))
    else
      read_to_eof
    end
  end
end
