# frozen_string_literal: true

module Bench
  # The table of a load test: a row for each server.
  class LoadTable
    # Answers that it takes until one of a thousand means something.
    ENOUGH = 1000

    # Bytes of a MB.
    MEGABYTE = 1_000_000.0

    # @param workload [Workload] what was asked of the servers
    # @param contestants [Array<Contestant>] those that were measured, the ones with a fault too
    # @param options [Options] as they were measured
    def initialize(workload, contestants, options)
      @workload = workload
      @contestants = contestants
      @options = options
      @running = contestants.reject(&:fault)
    end

    # @return [String] Markdown
    def to_s = Table.markdown(heads, @contestants.map { |contestant| row(contestant) })

    private

    def heads
      ["server", "CPU µs a #{@workload.unit}", "least to most", *rivals.keys, "#{@workload.unit}s/s", *latency_heads,
       "resident MB", "errors"]
    end

    # A closed loop hides how long a server stalls; it stands where there is nothing better.
    def latency_heads
      return ["p99 ms, closed loop"] unless @workload.rate

      ["p50 ms at #{Table.number(@workload.rate)}/s", "p99", "p99.9"]
    end

    # What is wrong stands in the place of the figures.
    def row(contestant)
      return [contestant.label, "**#{contestant.fault}**", *Array.new(heads.size - 2, Table::NOTHING)] if contestant.fault

      cpu = contestant.cpu
      [contestant.label, Table.figure(Statistics.median(cpu)), cpu.minmax.map { Table.figure(_1) }.join(" to "),
       *rivals.each_value.map { |rival| ratio(contestant, rival.call(contestant)) }, *service(contestant)]
    end

    # The columns of ratios: their heads, and which server each one is compared with there.
    def rivals
      columns = {
        "to bare hyper" => ->(one) { other(one, "hyper", nil) },
        "to Puma" => ->(one) { other(one, "puma", one.threads) },
        "to the best of the others" => ->(one) { Goal.best(@running, one.threads) unless one.beside? },
        "to Penstock before" => ->(one) { other(one, Peers::BASELINE, one.threads) }
      }
      @options.peers.any? { |peer| peer.name == Peers::BASELINE } ? columns : columns.except("to Penstock before")
    end

    def service(contestant)
      rate = Statistics.median(contestant.results.map { _1.requests / _1.seconds })
      [Table.number(rate), *latency(contestant).map { Table.figure(_1) }, Table.number(contestant.resident / MEGABYTE),
       Table.failures(contestant.errors)]
    end

    def latency(contestant)
      figures = contestant.latency
      unless @workload.rate
        p99 = contestant.results.map(&:p99)
        return [p99.all? ? Statistics.median(p99) * 1000 : nil]
      end

      enough = figures[:requests] >= ENOUGH
      [figures[:answer_p50], figures[:answer_p99], enough ? figures[:answer_p999] : nil]
    end

    # The server of this name that is asked in the same way.
    def other(contestant, name, threads)
      @running.find { |one| one.peer.name == name && one.threads == threads && one.beside? == contestant.beside? }
    end

    def ratio(contestant, other)
      Table.ratio(other && other != contestant ? Statistics.paired_ratio(contestant.cpu, other.cpu) : nil)
    end
  end
end
