# frozen_string_literal: true

module Bench
  # The table of the test of open streams: a column for each server, a row for each figure.
  class StreamsTable
    # @param runs [Array<StreamsRun>] the columns
    # @param count [Integer] streams
    def initialize(runs, count)
      @runs = runs
      @count = count
    end

    # @return [String] Markdown; empty without a run
    def to_s
      return "" if @runs.empty?

      Table.markdown(["", *@runs.map(&:label)], opening + broadcasting + ending + ordinary + afterwards)
    end

    private

    # One row: its name, and what the block makes of each run.
    def row(name, &) = [name, *@runs.map(&)]

    def opening
      [
        row("streams opened") { |run| Table.number(run.open[:opened]) },
        row("opened/s") { |run| Table.number(run.open[:opened] / run.open[:seconds]) },
        row("KB resident a stream, just opened") { |run| Table.number(run.fresh_bytes_a_stream(@count) / 1000, 1) },
        row("at rest for #{StreamsRun::REST_FOR} s") { |run| Table.number(run.bytes_a_stream(@count) / 1000, 1) },
        row("threads of the process, all streams open") { |run| Table.number(run.threads_open) }
      ]
    end

    def broadcasting
      [
        row("broadcast to all: deliveries/s") { |run| rate(median(run) { _1[:deliveries] / _1[:seconds] }) },
        row("lag of the middle one, ms") { |run| Table.figure(median(run) { _1[:lag_p50] }) },
        row("lag of the last, ms") { |run| Table.figure(median(run) { _1[:lag_max] }) },
        row("CPU µs a delivery") { |run| Table.figure(run.cpu_a_delivery) },
        row("messages lost or out of order") { |run| Table.number(run.lost) }
      ]
    end

    def ending
      [
        row("half closed by clients: the application knows after, s") { |run| told(run.left[:told_seconds]) },
        row("broadcast to the rest: arrived") { |run| "#{Table.number(run.rest[:deliveries])} of #{Table.number(run.rest[:expected])}" },
        row("the rest closed by the server: seconds") { |run| Table.number(run.closed[:seconds], 2) },
        row("ended cleanly") { |run| "#{Table.number(run.closed[:clean])} of #{Table.number(run.closed[:expected])}" }
      ]
    end

    def ordinary
      [
        row("ordinary requests failed") { |run| Table.number(phases(run).sum { _1[:ordinary_failures] }) },
        row("their p99 while streams open, ms") { |run| Table.figure(run.open[:ordinary_p99]) },
        row("their slowest during a broadcast, ms") { |run| Table.figure(run.broadcasts.filter_map { _1[:ordinary_max] }.max) },
        row("their slowest of all, ms") { |run| Table.figure(phases(run).filter_map { _1[:ordinary_max] }.max) }
      ]
    end

    def afterwards
      %i[descriptors threads objects].map do |kind|
        row("#{kind} more than before") { |run| Table.number(run.growth[kind]) }
      end
    end

    def phases(run) = [run.open, *run.broadcasts, run.left, run.rest, run.closed]

    def median(run, &) = Statistics.median(run.broadcasts.map(&))

    def rate(value) = Table.number(value)

    def told(seconds) = seconds ? Table.number(seconds, 2) : "not told"
  end
end
