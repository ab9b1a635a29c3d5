# frozen_string_literal: true

require_relative "../message_bus/poll"

module Http2
  # A poll of MessageBus on a stream: what MessageBusPoll is for a connection of HTTP/1.
  class MessageBusPoll
    include MessageBusBatches

    # @param stream [Stream]
    def initialize(stream)
      @stream = stream
    end

    def status = @stream.status

    def header(name) = @stream[name]

    def next_batch
      parse(@stream.text_until(SEPARATOR))
    rescue RawClient::Truncated
      raise unless @stream.ended? && @stream.received.empty?
    end

    def whole = JSON.parse(@stream.rest.force_encoding(Encoding::UTF_8))

    def finished?(*)
      nil while header("content-length").nil? && next_batch
      @stream.ended?
    end

    # The connection is gone, as when the client's machine loses power.
    def vanish = @stream.client.abort

    # The client gives the stream up, as a browser does with a tab, and needs its connection no longer.
    def hang_up
      @stream.reset
      @stream.client.round_trip
      @stream.client.close
    end
  end

  # MessageBusHelper's part of the client, over HTTP/2. To be included behind it.
  module MessageBus
    # Each poll has a connection of its own: some examples break it.
    def start_poll(path, headers, body)
      client = connect_http2(bus_server)
      MessageBusPoll.new(client.request("POST", path, headers: headers.merge("content-length" => body.bytesize.to_s), body: body))
    end
  end
end
