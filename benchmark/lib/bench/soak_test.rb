# frozen_string_literal: true

module Bench
  # Whether a server that has answered many requests holds more than before: so many requests of several kinds, and as
  # many again.
  class SoakTest
    # The test's name, and what it is.
    NAME = "soak"
    TITLE = "many requests, and as many again"

    # Connections that the requests come over.
    CONNECTIONS = 32

    # Requests before the first look, so that what a server needs only once is there.
    WARM_UP = 2000

    # Bytes of a MiB. Penstock has to grow by less in the second half.
    MEBIBYTE = 1 << 20

    # The columns of its table.
    HEADS = ["server", "MiB before", "after the first half", "after the second", "KiB more in the second",
             "descriptors more", "threads more", "objects more", "failures", "requests/s"].freeze

    # What was measured of a server.
    #
    # label: its name; samples: Array of ProcessSample, before, after the first half and after the second; objects:
    # live ones at the same moments; failures: answers that were wrong or missing; rate: requests in a second
    Row = Struct.new(:label, :samples, :objects, :failures, :rate, keyword_init: true) do
      # @return [Integer] bytes of resident memory that the second half added
      def growth = samples[2].resident - samples[1].resident

      # @param kind [Symbol] a member of ProcessSample
      # @return [Integer] how much more is there at the end than in the beginning
      def more(kind) = samples[2][kind] - samples[0][kind]

      # @return [Array<Numeric>] the cells behind the resident memory, in KiB and pieces
      def counts
        [growth / 1024, more(:descriptors), more(:threads), objects[2] - objects[0]]
      end
    end

    # @param options [Options] how many requests, and of which servers
    def initialize(options)
      @options = options
      @requests = options.requests
      @threads = options.threads.max
    end

    # Runs it.
    # @return [Report::Section] the table
    def run
      noise = Noise.new
      peers = @options.peers.select(&:rack)
      rows = peers.map { |peer| measure(peer) }
      text = [commands(peers), Table.markdown(HEADS, rows.map { |row| cells(row) }), noise.sentence, goals(rows).join]
      Report::Section.new(NAME, "#{Table.number(@requests)} requests, and as many again", text.reject(&:empty?).join("\n"))
    end

    private

    def commands(peers)
      servers = peers.map { |peer| peer.to_shell(port: "PORT", threads: @threads, app: "mix") }
      Table.commands(@options.command(NAME), *servers, Client.to_shell("soak", "PORT", @requests, CONNECTIONS))
    end

    def measure(peer)
      server = Server.new(peer, threads: @threads, app: "mix")
      halves(server, WARM_UP)
      looks = [look(server)]
      figures = halves(server, @requests) { looks << look(server, looks.first.first) }
      row(peer, looks, figures)
    rescue Error => e
      Row.new(label: "#{peer.full_title}: **#{e.message}**")
    ensure
      server&.stop
    end

    # The figures of both halves, with a yield after each.
    def halves(server, requests)
      Client.run("soak", server.port, requests, CONNECTIONS, connections: CONNECTIONS) do |client|
        %w[first second].map do |half|
          client.phase(half) { |figures| figures.tap { yield if block_given? } }
        end
      end
    end

    # A sample, and the number of live objects. They are counted first, for that collects what is garbage.
    def look(server, baseline = nil)
      objects = Integer(Probe.of(server.port, path: "/objects").body, 10)
      tree = server.tree
      [baseline ? ProcessSample.back_at(tree, baseline) : ProcessSample.settled(tree), objects]
    end

    def row(peer, looks, figures)
      samples, objects = looks.transpose
      Row.new(label: peer.full_title, samples:, objects:, failures: figures.sum { _1[:failures] },
              rate: 2 * @requests / figures.sum { _1[:seconds] })
    end

    def cells(row)
      return [row.label, *Array.new(HEADS.size - 1, Table::NOTHING)] unless row.samples

      resident = row.samples.map { |sample| Table.number(sample.resident / MEBIBYTE.to_f, 1) }
      [row.label, *resident, *row.counts.map { |count| Table.number(count) }, Table.failures(row.failures), Table.number(row.rate)]
    end

    def goals(rows)
      row = rows.find { |candidate| candidate.label == "Penstock" && candidate.samples }
      return [] unless row

      more = row.growth
      kept = row.more(:descriptors) <= 0 && row.more(:threads) <= 0
      [Goal.sentence("Penstock grows by less than 1 MiB in the second half", "#{more / 1024} KiB", more < MEBIBYTE),
       Goal.sentence("descriptors and threads of Penstock as before", kept ? "as before" : "more", kept)]
    end
  end
end
