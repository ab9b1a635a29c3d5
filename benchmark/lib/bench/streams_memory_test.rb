# frozen_string_literal: true

module Bench
  # What a server holds in resident memory with so many open streams that are at rest, and with more.
  class StreamsMemoryTest
    # The test's name, and what it is.
    NAME = "streams_memory"
    TITLE = "memory against open streams"

    # Shares of all streams that are open at a look.
    STEPS = [0.1, 0.25, 0.5, 1].freeze

    # Streams of a first run that is not measured.
    WARM_UP = 200

    # Bytes of a MB.
    MEGABYTE = 1_000_000.0

    # @param options [Options] how many streams at most, and of which servers
    def initialize(options)
      @options = options
      @counts = STEPS.map { |share| (options.connections * share).ceil }
    end

    # Runs it.
    # @return [Report::Section] the table and a plot
    def run
      noise = Noise.new
      @contestants = Hold.peers(@options).map { |peer| Contestant.new(peer, peer.thread_counts([@options.threads.max]).first, Hold::HELLO) }
      @rows = @contestants.to_h { |contestant| [contestant, measure(contestant)] }
      text = [commands, Table.markdown(heads, @rows.map { |contestant, row| cells(contestant, row) }), *@options.notes, noise.sentence]
      Report::Section.new(NAME, TITLE, text.join("\n"), plots)
    end

    private

    # Bytes with none, and with each number of streams; or what is wrong.
    def measure(contestant)
      path = Hold.path(contestant.peer)
      server = Server.new(contestant.peer, connections: @options.connections, **contestant.options.except(:port))
      hold(server, path, [WARM_UP])
      ProcessSample.settled(server.tree)
      [server.tree.resident, *hold(server, path, @counts)]
    rescue Error => e
      e.message
    ensure
      server&.stop
    end

    def hold(server, path, counts)
      Client.run(*Hold.arguments(server.port, path, counts), connections: counts.max) do |client|
        counts.map { client.phase("open") { resident_at_rest(server) } }
      end
    end

    def resident_at_rest(server)
      sleep StreamsRun::REST_FOR
      server.tree.resident
    end

    def commands
      servers = @contestants.map { |contestant| contestant.peer.to_shell(**contestant.options) }
      paths = @contestants.map { |contestant| Hold.path(contestant.peer) }.uniq.join("|")
      Table.commands(@options.command(NAME), *servers, Client.to_shell(*Hold.arguments("PORT", paths, @counts)))
    end

    def heads = ["resident MB with", "no streams", *@counts.map { |count| Table.number(count) }, "KB a stream"]

    def cells(contestant, row)
      label = contestant.label
      return [label, "**#{row}**", *Array.new(heads.size - 2, Table::NOTHING)] if row.is_a?(String)

      each = (row.last - row.first) / @counts.last.to_f / 1000
      [label, *row.map { |bytes| Table.number(bytes / MEGABYTE, 1) }, Table.number(each, 1)]
    end

    def plots
      lines = @rows.reject { |_, row| row.is_a?(String) }.to_h do |contestant, row|
        [contestant.label, [0, *@counts].zip(row.map { |bytes| bytes / MEGABYTE })]
      end
      return [] if lines.empty?

      [LinePlot.new(NAME, "Resident memory against open streams", axes: ["open streams", "MB resident"], lines:, ticks: [0, *@counts])]
    end
  end
end
