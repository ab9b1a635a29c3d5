# frozen_string_literal: true

module Bench
  # What an idle keep-alive connection costs in resident memory.
  class IdleTest
    # The test's name, and what it is.
    NAME = "idle"
    TITLE = "idle keep-alive connections"

    # Connections that are opened and closed before, so that what a server needs only once is there.
    WARM_UP = 200

    # Seconds for which the connections have been idle when they are measured. They are measured just opened, too.
    IDLE_FOR = 5

    # KB at most for each connection of Penstock.
    GOAL = 12.0

    # The columns of its table.
    HEADS = ["server", "KB a connection, just opened", "idle for #{IDLE_FOR} s", "to bare hyper", "to Puma", "opened/s", "lost",
             "descriptors more", "threads more"].freeze

    # What was measured of a server.
    #
    # label: its name; fresh, bytes: resident for each connection, just opened and idle; rate: connections opened in a
    # second; lost: connections that the server closed while they were idle; descriptors, threads: more than before, after
    # the end
    Row = Struct.new(:label, :fresh, :bytes, :rate, :lost, :descriptors, :threads, keyword_init: true)

    # @param options [Options] how many connections, and of which servers
    def initialize(options)
      @options = options
      @count = options.connections
    end

    # Runs it.
    # @return [Report::Section] the table
    def run
      noise = Noise.new
      @contestants = @options.peers.map { |name| Contestant.new(Peers[name], threads(name), workload) }
      @rows = @contestants.map { |contestant| measure(contestant) }
      text = [commands, Table.markdown(HEADS, @rows.map { |row| cells(row) }), noise.sentence, goal].compact.join("\n")
      Report::Section.new(NAME, TITLE, text)
    end

    private

    def workload = Workload.new(name: NAME, title: TITLE, app: "hello", chunks: "hello")

    def threads(name) = Peers[name].ruby ? @options.threads.max : nil

    def commands
      servers = @contestants.map { |contestant| contestant.peer.to_shell(**contestant.options) }
      Table.commands(@options.command(NAME), *servers, Client.to_shell("idle", "PORT", @count))
    end

    def measure(contestant)
      server = Server.new(contestant.peer, connections: @count, **contestant.options.except(:port))
      hold(server, WARM_UP)
      before = ProcessSample.settled(server.tree)
      figures = hold(server, @count) { |opened| opened.merge(residents(server)) }
      row(contestant, before, ProcessSample.back_at(server.tree, before), figures)
    rescue Error => e
      Row.new(label: "#{contestant.label}: **#{e.message}**")
    ensure
      server&.stop
    end

    # Bytes at once, and after a while.
    def residents(server)
      fresh = server.tree.resident
      sleep IDLE_FOR
      { fresh: fresh, resident: server.tree.resident }
    end

    def row(contestant, before, after, figures)
      fresh, idle = figures.values_at(:fresh, :resident).map { |bytes| (bytes - before.resident) / @count.to_f }
      Row.new(label: contestant.label, fresh: fresh, bytes: idle, rate: @count / figures[:seconds], lost: figures[:lost],
              descriptors: after.descriptors - before.descriptors, threads: after.threads - before.threads)
    end

    # Holds so many connections while the block runs, if there is one. Returns the figures of both phases, with what
    # the block makes of the first one's.
    def hold(server, count, &block)
      Client.run("idle", server.port, count, connections: count) do |client|
        client.phase("open", &block).merge(client.phase("close"))
      end
    end

    def cells(row)
      [row.label, *[row.fresh, row.bytes].map { |bytes| bytes && Table.number(bytes / 1000, 1) },
       ratio(row, "bare hyper"), ratio(row, "Puma"), Table.number(row.rate),
       *[row.lost, row.descriptors, row.threads].map { Table.number(_1) }]
    end

    def ratio(row, name)
      other = @rows.find { _1.label.start_with?(name) }
      return Table::NOTHING if other.nil? || other == row || other.bytes.nil? || row.bytes.nil?

      format("%.2f", row.bytes / other.bytes)
    end

    def goal
      row = @rows.find { _1.label.start_with?("Penstock") && _1.bytes }
      return unless row

      Goal.sentence("at most #{GOAL.to_i} KB for an idle connection of Penstock",
                    "#{Table.number(row.bytes / 1000, 1)} KB", row.bytes <= GOAL * 1000)
    end
  end
end
