# frozen_string_literal: true

module Bench
  # What a hello costs a server that holds thousands of streams on which nothing comes, beside the same server with none.
  class IdleStreamsTest
    # The test's name, and what it is.
    NAME = "idle_streams"
    TITLE = "a hello beside open streams on which nothing comes"

    # So many times the cost, at most.
    LIMIT = 1.05

    # A server with streams.
    class Holder < Contestant
      # @param streams [Integer] how many it holds
      # @param others [Array] of Contestant#initialize
      def initialize(*others, streams:)
        super(*others, beside: "#{Table.number(streams)} streams")
        @streams = streams
      end

      # @return [Integer] connections that it has to be able to hold
      def connections = @streams + super

      # Starts it, and opens the streams.
      def start
        super
        attempt do
          @client = Client.new(*Hold.arguments(@server.port, Hold.path(peer), [@streams]), connections: @streams) unless fault
          @client&.phase("open")
        end
      end

      # Ends it, and the client that holds the streams.
      def stop
        super
        @client&.stop
      end
    end

    # @param options [Options] how many streams, and of which servers
    def initialize(options)
      @options = options
      @count = options.connections
      @rounds = options.rounds(close: Goal.close?(LIMIT))
    end

    # Runs it.
    # @return [Report::Section] the table
    def run
      noise = Noise.new
      @pairs = pairs
      Turns.take(@pairs.flatten, @rounds, @options)
      text = [commands, table, *@options.notes, noise.sentence, goal].compact
      Report::Section.new(NAME, "#{TITLE}: #{Table.number(@count)}", text.join("\n"))
    end

    private

    # The same server twice: with no streams, and with all of them.
    def pairs
      Hold.peers(@options).map do |peer|
        arguments = [peer, peer.thread_counts([@options.threads.max]).first, Hold::HELLO]
        [Contestant.new(*arguments), Holder.new(*arguments, streams: @count)]
      end
    end

    def commands
      servers = @pairs.map { |without,| without.peer.to_shell(**without.options) }
      paths = @pairs.map { |without,| Hold.path(without.peer) }.uniq.join("|")
      Table.commands(@options.command(NAME), *servers, Client.to_shell(*Hold.arguments("PORT", paths, [@count])),
                     Hold::HELLO.load.to_shell(Hold::HELLO, @options.seconds))
    end

    def table
      heads = ["server", "CPU µs a request with no streams", "with #{Table.number(@count)}", "so many times", "least to most", "errors"]
      Table.markdown(heads, @pairs.map { |pair| row(*pair) })
    end

    def row(without, with)
      fault = [without, with].filter_map(&:fault).first
      return [without.label, "**#{fault}**", *Array.new(4, Table::NOTHING)] if fault

      ratios = Statistics.ratios(with.cpu, without.cpu)
      [without.label, *[without, with].map { |one| Table.figure(Statistics.median(one.cpu)) }, Table.ratio(Statistics.median(ratios)),
       Goal.range(ratios.minmax), Table.failures(without.errors + with.errors)]
    end

    def goal
      without, with = @pairs.find { |one,| one.peer.name == "penstock" }
      return if without.nil? || without.fault || with.fault

      what = "a hello of #{with.label} at most #{LIMIT} times one with none"
      Goal.judge(what, Statistics.ratios(with.cpu, without.cpu), LIMIT)
    end
  end
end
