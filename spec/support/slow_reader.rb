# frozen_string_literal: true

# A client that reads at a steady pace, on a thread of its own, until the connection ends.
class SlowReader
  # @return [Integer] bytes read so far
  attr_reader :count

  # @return [Symbol, nil] how the connection ended: :fin or :reset; nil while it is open
  attr_reader :ending

  # @param client [RawClient] whose head has been read
  # @param bytes [Integer] how many to read at most each time
  # @param interval [Numeric] seconds from one time to the next
  def initialize(client, bytes:, interval:)
    @client = client
    @bytes = bytes
    @interval = interval
    @count = 0
    @stopped = Latch.new
    @thread = Thread.new { read }
  end

  # Ends the thread; the connection stays.
  def stop
    @stopped.open
    @thread.join
  end

  private

  def read
    until @stopped.wait(@interval)
      taken = @client.socket.read_nonblock(@bytes, exception: false)
      break @ending = :fin if taken.nil?

      @count += taken.bytesize if taken.is_a?(String)
    end
  rescue Errno::ECONNRESET, Errno::EPIPE
    @ending = :reset
  end
end
