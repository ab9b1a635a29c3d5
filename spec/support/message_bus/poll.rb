# frozen_string_literal: true

require "json"

# What a streaming poll of MessageBus brings, whatever carries it.
module MessageBusBatches
  # What MessageBus writes behind each batch of a streaming poll.
  SEPARATOR = "\r\n|\r\n"

  # MessageBus' own channel, on which it tells a new subscriber where each channel stands.
  STATUS_CHANNEL = "/__status"

  # Waits for messages of a streaming poll, and passes over empty batches and MessageBus' own status.
  #
  # @param count [Integer]
  # @return [Array<Hash>] at least `count` messages: as many as the last batch brings
  def messages(count = 1)
    found = []
    while found.size < count
      batch = next_batch or raise RawClient::Truncated, "the poll ended after #{found.inspect}"
      found.concat(batch.reject { |message| message["channel"] == STATUS_CHANNEL })
    end
    found
  end

  # @param batch [String] with its separator
  # @return [Array<Hash>] its messages
  def parse(batch)
    JSON.parse(batch.delete_suffix(SEPARATOR).gsub("\r\n||\r\n", SEPARATOR).force_encoding(Encoding::UTF_8))
  end
end

# One poll of MessageBus on an HTTP/1 connection: writes the request, reads what comes piece by piece.
#
# The shared examples use only `status`, `header`, `next_batch`, `messages`, `whole`, `finished?`, `vanish` and `hang_up`:
# another protocol brings a class of its own with these.
class MessageBusPoll
  include MessageBusBatches

  # @return [RawClient] the connection
  attr_reader :client

  # @param client [RawClient]
  # @param request [String] the bytes of the request
  def initialize(client, request)
    @client = client.write(request)
    @buffer = "".b
  end

  # @return [Integer]
  def status
    head.status
  end

  # @return [String, nil] the value of a response field
  def header(name)
    head[name]
  end

  # Waits for the next batch of a streaming poll.
  #
  # @return [Array<Hash>] its messages with "channel", "data", "message_id" and "global_id"; nil at the end of the poll
  def next_batch
    head
    until (size = @buffer.index(SEPARATOR))
      chunk = client.read_chunk or return nil
      @buffer << chunk
    end
    parse(@buffer.slice!(0, size + SEPARATOR.bytesize))
  end

  # Waits for the end of a poll that does not stream.
  #
  # @return [Array<Hash>] its messages
  def whole
    JSON.parse(client.read_bytes(Integer(header("content-length"), 10)).force_encoding(Encoding::UTF_8))
  end

  # Whether the response comes to its proper end within `timeout` seconds with nothing but empty batches before it.
  def finished?(timeout = RawClient::TIMEOUT)
    nil while header("transfer-encoding") && next_batch
    client.eof?(timeout)
  end

  # The client is gone, as when its machine loses power: nothing is said and nothing read.
  def vanish
    client.abort
  end

  # The client closes its connection, as a browser does with a tab.
  def hang_up
    client.close
  end

  private

  def head
    @head ||= client.read_head
  end
end
