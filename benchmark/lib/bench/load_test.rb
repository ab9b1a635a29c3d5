# frozen_string_literal: true

module Bench
  # Measures what a request costs each server under one workload: rounds in which each server has its turn, one at
  # a time.
  class LoadTest
    # The columns of its table.
    HEADS = ["server", "CPU µs a request", "least to most", "to bare hyper", "to Puma", "requests/s", "p99 ms",
             "errors"].freeze

    # @param workload [Workload] what is asked of the servers
    # @param options [Options] how long, and of which servers
    def initialize(workload, options)
      @workload = workload
      @options = options
    end

    # Runs it.
    # @return [Report::Section] the table
    def run
      noise = Noise.new
      measure
      notes = [*closing_notes, noise.sentence, @workload.goals.filter_map { |goal| goal.verdict(running) }.join]
      text = [commands, table, *notes].reject(&:empty?).join("\n")
      Report::Section.new(@workload.name, @workload.title, text)
    end

    private

    def measure
      @contestants = contestants
      @contestants.each(&:start)
      running.each { |contestant| contestant.warm_up(@options.warm_up) }
      @options.rounds.times { running.each { |contestant| contestant.turn(@options.seconds) } }
    ensure
      @contestants&.each(&:stop)
    end

    def contestants
      peers = @options.peers.map { Peers[_1] }
      peers = peers.select(&:http2) if @workload.http2?
      peers.flat_map do |peer|
        if peer.ruby
          @options.threads.map { |threads| Contestant.new(peer, threads, @workload) }
        else
          @workload.chunks ? [Contestant.new(peer, nil, @workload)] : []
        end
      end
    end

    def running = @contestants.reject(&:fault)

    def table = Table.markdown(HEADS, @contestants.map { |contestant| row(contestant) })

    def commands
      servers = @contestants.map { |contestant| contestant.peer.to_shell(**contestant.options) }
      Table.commands(@options.command(@workload.name), *servers, @workload.load.to_shell(@workload, @options.seconds))
    end

    def row(contestant)
      return [contestant.label, "**#{contestant.fault}**", *Array.new(HEADS.size - 2, Table::NOTHING)] if contestant.fault

      cpu = contestant.cpu
      [contestant.label, Table.figure(Statistics.median(cpu)), cpu.minmax.map { Table.figure(_1) }.join(" to "),
       ratio(contestant, "hyper", nil), ratio(contestant, "puma", contestant.threads), *service(contestant)]
    end

    def service(contestant)
      results = contestant.results
      [Table.number(Statistics.median(results.map { _1.requests / _1.seconds })),
       Table.figure(milliseconds(results.map(&:p99))), Table.number(contestant.errors)]
    end

    def milliseconds(seconds) = seconds.all? ? Statistics.median(seconds) * 1000 : nil

    def ratio(contestant, name, threads)
      other = running.find { |candidate| candidate.peer.name == name && candidate.threads == threads }
      other && other != contestant ? format("%.2f", Statistics.paired_ratio(contestant.cpu, other.cpu)) : Table::NOTHING
    end

    def closing_notes
      closing = @contestants.select(&:closes?).map { _1.peer.name.capitalize }.uniq
      closing.map { |name| "#{name} ends this body with its connection: each request needs a new one.\n" }
    end
  end
end
