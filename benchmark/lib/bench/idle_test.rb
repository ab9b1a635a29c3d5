# frozen_string_literal: true

module Bench
  # What an idle connection costs in resident memory.
  class IdleTest
    # Which connections.
    #
    # title: what they are; tls, http2: whether they speak that; goal: KB at most for each of Penstock, nil where there is none
    Kind = Struct.new(:name, :title, :tls, :http2, :goal, keyword_init: true) do
      # @return [Array<String>] arguments of bench-client
      def words = [*("tls" if tls), *("http2" if http2)]
    end

    # All kinds by the names of their tests.
    KINDS = [
      Kind.new(name: "idle", title: "idle keep-alive connections", goal: 7),
      Kind.new(name: "idle_tls", title: "the same over TLS 1.3", tls: true),
      Kind.new(name: "idle_http2", title: "idle connections of HTTP/2", http2: true),
      Kind.new(name: "idle_tls_http2", title: "the same over TLS 1.3", tls: true, http2: true)
    ].to_h { |kind| [kind.name, kind] }.freeze

    # Connections that are opened and closed before, so that what a server needs only once is there.
    WARM_UP = 200

    # Seconds for which the connections have been idle when they are measured. They are measured just opened, too.
    IDLE_FOR = 5

    # The columns of its table.
    HEADS = ["server", "KB a connection, just opened", "idle for #{IDLE_FOR} s", "to bare hyper", "to Puma", "opened/s", "lost",
             "descriptors more", "threads more"].freeze

    # What was measured of a server.
    #
    # peer: which server; label: its name; fresh, bytes: resident for each connection, just opened and idle; rate: connections opened in a
    # second; lost: connections that the server closed while they were idle; descriptors, threads: more than before, after
    # the end
    Row = Struct.new(:peer, :label, :fresh, :bytes, :rate, :lost, :descriptors, :threads, keyword_init: true)

    # @param kind [Kind] which connections
    # @param options [Options] how many of them, and of which servers
    def initialize(kind, options)
      @kind = kind
      @options = options
      @count = options.connections
    end

    # Runs it.
    # @return [Report::Section] the table
    def run
      noise = Noise.new
      @contestants = contestants
      @rows = @contestants.map { |contestant| measure(contestant) }
      table = Table.markdown(HEADS, @rows.map { |row| cells(row) })
      text = [commands, table, *@options.notes, noise.sentence, goal].compact.join("\n")
      Report::Section.new(@kind.name, "#{Table.number(@count)} #{@kind.title}", text)
    end

    private

    def workload
      Workload.new(name: @kind.name, title: @kind.title, app: "hello", chunks: "hello", tls: @kind.tls,
                   streams: (1 if @kind.http2))
    end

    def contestants
      peers = @options.peers.select { |peer| peer.speaks?(workload) }
      peers.map { |peer| Contestant.new(peer, peer.thread_counts([@options.threads.max]).first, workload) }
    end

    def commands
      servers = @contestants.map { |contestant| contestant.peer.to_shell(**contestant.options) }
      Table.commands(@options.command(@kind.name), *servers, Client.to_shell("idle", "PORT", @count, *@kind.words))
    end

    def measure(contestant)
      server = Server.new(contestant.peer, connections: @count, **contestant.options.except(:port))
      hold(server, WARM_UP)
      before = ProcessSample.settled(server.tree)
      figures = hold(server, @count) { |opened| opened.merge(residents(server)) }
      row(contestant, before, ProcessSample.back_at(server.tree, before), figures)
    rescue Error => e
      Row.new(peer: contestant.peer, label: "#{contestant.label}: **#{e.message}**")
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
      Row.new(peer: contestant.peer, label: contestant.label, fresh: fresh, bytes: idle,
              rate: @count / figures[:seconds], lost: figures[:lost],
              descriptors: after.descriptors - before.descriptors, threads: after.threads - before.threads)
    end

    # Holds so many connections while the block runs, if there is one. Returns the figures of both phases, with what
    # the block makes of the first one's.
    def hold(server, count, &block)
      Client.run("idle", server.port, count, *@kind.words, connections: count) do |client|
        client.phase("open", &block).merge(client.phase("close"))
      end
    end

    def cells(row)
      [row.label, *[row.fresh, row.bytes].map { |bytes| bytes && Table.number(bytes / 1000, 1) },
       ratio(row, "hyper"), ratio(row, "puma"), Table.number(row.rate),
       Table.failures(row.lost), *[row.descriptors, row.threads].map { Table.number(_1) }]
    end

    def ratio(row, name)
      other = @rows.find { _1.peer.name == name }
      return Table::NOTHING if other.nil? || other == row || [row, other].any? { |one| one.bytes.nil? || one.lost.positive? }

      Table.ratio(row.bytes / other.bytes)
    end

    def goal
      row = @rows.find { _1.peer.name == "penstock" && _1.bytes }
      return unless row && @kind.goal

      Goal.sentence("at most #{@kind.goal} KB for an idle connection of Penstock", "#{Table.number(row.bytes / 1000, 1)} KB",
                    row.bytes <= @kind.goal * 1000)
    end
  end
end
