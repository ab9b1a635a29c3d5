# frozen_string_literal: true

module Penstock
  # Streams that get the same: one `write` hands a message to all of them, from one buffer, without a loop in Ruby and without
  # Ruby's lock (beyond 16 members). Any thread may call any of its methods.
  #
  # A stream leaves by itself when it ends. As long as it is a member the group keeps it open: nobody else has to refer to it.
  #
  # A message arrives whole or not at all, and all members get the messages of a group in the same order. What one thread writes
  # by `stream.write` and by `group.write` arrives in that order too.
  #
  # A write waits for its turn among those of other threads, and can be interrupted meanwhile; then nobody gets the message.
  #
  # A group waits for no member. One whose send buffer (`send_buffer_bytes`) has no room for a message is disconnected, or does
  # not get the message: see `slow_consumer`.
  #
  # The native part defines `write(*strings)` (Integer: to how many members the message was handed), `size`, `close` (ends each
  # member, and takes no more of them) and `closed?`.
  class Group
    # A comment of server-sent events, which clients do not see.
    COMMENT = ":\n\n"

    class << self
      # @param heartbeat [Numeric, nil] seconds of silence after which each member is sent `heartbeat_data`, by the network's
      #   thread and without Ruby; nil: never.
      # @param heartbeat_data [String] not empty.
      # @param slow_consumer [Symbol, nil] what is done with a member that has no room for a message: :disconnect, or :drop, with
      #   which it misses the message and stays. nil: what its own policy says, where :block means to disconnect, as nothing is
      #   waited for, and :raise means to drop; what `write` returns tells.
      # @raise [ArgumentError]
      def new(heartbeat: nil, heartbeat_data: COMMENT, slow_consumer: nil)
        raise ArgumentError, "heartbeat_data is a String that is not empty" unless heartbeat_data.is_a?(String) && !heartbeat_data.empty?

        create(heartbeat, heartbeat_data, slow_consumer)
      end

      private :create
    end

    private :join, :leave, :has?

    # Makes a stream a member; a second time changes nothing. Before its body is open it gets what is written as soon as it is.
    # @param stream [Stream] what `call(stream)` or the proc of `rack.hijack` gets, or `env["penstock.stream"]`.
    # @return [Boolean] false: the stream has ended, and is no member.
    # @raise [TypeError] for anything else, a socket of a full hijack included.
    # @raise [Error] after {#close}, or if the stream's connection was hijacked.
    def add(stream) = join(member(stream))

    # @return [self] as {#add}, whether or not the stream has ended.
    def <<(stream)
      add(stream)
      self
    end

    # Lets a stream go, which stays open.
    # @return [Boolean] whether it was a member.
    def delete(stream) = leave(member(stream))

    # @return [Boolean] whether a stream is a member.
    def include?(stream) = has?(member(stream))

    # @return [Boolean] whether there is no member.
    def empty? = size.zero?

    # @return [String]
    def inspect
      "#<#{self.class} #{closed? ? "closed" : "of #{size}"}>"
    rescue ForkError
      "#<#{self.class} of the parent process>"
    end

    private

    def member(stream)
      case stream
      when Stream then stream
      when IO
        raise TypeError, "a socket of a full hijack cannot be in a group: write to it yourself, or answer with a streaming body or a " \
                         "rack.hijack header, whose stream can"
      else
        raise TypeError, "a group has streams of Penstock, and was given a #{stream.class}; where middleware wraps the stream, use " \
                         "env[\"penstock.stream\"]"
      end
    end
  end
end
