# frozen_string_literal: true

module Bench
  # What one server did in the test of open streams. The figures of a phase are those that bench-client prints.
  class StreamsRun
    # Seconds for which the streams have been at rest when they are measured. They are measured just opened, too.
    REST_FOR = 5

    # @return [String] the server, and the way of streaming
    attr_reader :label

    # @return [Hash] figures of the opening
    attr_reader :open

    # @return [Array<Hash>] figures of each broadcast to all
    attr_reader :broadcasts

    # @return [Integer] threads while all streams were open
    attr_reader :threads_open

    # @return [Hash] what is more than before, once all is over: :descriptors, :threads, :objects
    attr_reader :growth

    # @return [Hash] figures of the clients' leaving, of the broadcast to the rest, and of the server's closing
    attr_accessor :left, :rest, :closed

    # @return [String, nil] why there are no figures
    attr_accessor :fault

    # @param label [String] the server, and the way of streaming
    def initialize(label)
      @label = label
      @broadcasts = []
    end

    # Looks at the server before the streams are there.
    def before(server)
      @objects_before = objects(server)
      @before = ProcessSample.settled(server.tree)
    end

    # Looks at it while they are open: at once, and after a while.
    # @param figures [Hash] of the phase
    def opened(figures, server)
      @open = figures
      @resident_fresh = server.tree.resident
      sleep REST_FOR
      sample = ProcessSample.of(server.tree)
      @resident_open = sample.resident
      @threads_open = sample.threads
      @cpu_open = sample.cpu
    end

    # Looks at it when all messages have been sent.
    def broadcast_done(server)
      @cpu_broadcast = server.tree.cpu - @cpu_open
    end

    # Looks at it when all is over.
    def after(server)
      sample = ProcessSample.back_at(server.tree, @before)
      @growth = { descriptors: sample.descriptors - @before.descriptors, threads: sample.threads - @before.threads,
                  objects: objects(server) - @objects_before }
    end

    # @param count [Integer] streams
    # @return [Float] resident bytes for each of them, just opened
    def fresh_bytes_a_stream(count) = (@resident_fresh - @before.resident) / count.to_f

    # @return [Float] the same, at rest
    def bytes_a_stream(count) = (@resident_open - @before.resident) / count.to_f

    # @return [Float] microseconds of CPU for a message to a stream, ordinary requests meanwhile included
    def cpu_a_delivery = @cpu_broadcast / 1000.0 / broadcasts.sum { _1[:deliveries] }

    # @return [Integer] messages that did not arrive, or not in their order
    def lost = broadcasts.sum { _1[:expected] - _1[:deliveries] } + broadcasts.last[:strays]

    private

    def objects(server) = Integer(Probe.of(server.port, path: "/objects").body, 10)
  end
end
