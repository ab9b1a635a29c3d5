# frozen_string_literal: true

module Bench
  # Measures what a request costs each server under one workload: rounds in which each server has its turn, one at
  # a time.
  class LoadTest
    # @param workload [Workload] what is asked of the servers
    # @param options [Options] how long, and of which servers
    def initialize(workload, options)
      @workload = workload
      @options = options
    end

    # Runs it.
    # @return [Report::Section] the table
    def run
      return left_out unless @workload.available?

      noise = Noise.new
      measure
      notes = [*closing_notes, *peer_notes, noise.sentence, verdicts.join]
      text = [commands, table, *notes].reject(&:empty?).join("\n")
      Report::Section.new(@workload.name, @workload.title, text)
    end

    private

    def left_out
      text = "Not here: it needs #{@workload.gems.join(" and ")}, of which this Ruby cannot have all.\n"
      Report::Section.new(@workload.name, @workload.title, text)
    end

    def measure
      @contestants = contestants
      @contestants.each(&:start)
      running.each { |contestant| contestant.warm_up(@options.warm_up) }
      @options.rounds.times { running.each { |contestant| contestant.turn(@options.seconds) } }
    ensure
      @contestants&.each(&:stop)
    end

    def contestants
      peers = @options.peers.select { |peer| peer.speaks?(@workload) && (peer.rack || @workload.chunks) }
      peers.flat_map do |peer|
        peer.thread_counts(@options.threads).flat_map do |threads|
          beside = @workload.beside && !peer.other?
          [Contestant.new(peer, threads, @workload),
           *(Contestant.new(peer, threads, @workload.plaintext, beside: "without TLS") if beside)]
        end
      end
    end

    def running = @contestants.reject(&:fault)

    def table = Table.markdown(heads, @contestants.map { |contestant| row(contestant) })

    def heads
      ["server", "CPU µs a #{@workload.unit}", "least to most", *rivals.keys, "#{@workload.unit}s/s", "p99 ms", "errors"]
    end

    # What is wrong stands in the place of the figures.
    def row(contestant)
      return [contestant.label, "**#{contestant.fault}**", *Array.new(heads.size - 2, Table::NOTHING)] if contestant.fault

      cpu = contestant.cpu
      [contestant.label, Table.figure(Statistics.median(cpu)), cpu.minmax.map { Table.figure(_1) }.join(" to "),
       *rivals.each_value.map { |rival| ratio(contestant, rival.call(contestant)) }, *service(contestant)]
    end

    def commands
      servers = @contestants.map { |contestant| contestant.peer.to_shell(**contestant.options) }
      Table.commands(@options.command(@workload.name), *servers, @workload.load.to_shell(@workload, @options.seconds))
    end

    # The columns of ratios: their heads, and which server each one is compared with there.
    def rivals
      columns = {
        "to bare hyper" => ->(one) { other(one, "hyper", nil) },
        "to Puma" => ->(one) { other(one, "puma", one.threads) },
        "to the best of the others" => ->(one) { best unless one.beside? },
        "to Penstock before" => ->(one) { other(one, Peers::BASELINE, one.threads) }
      }
      @options.peers.any? { |peer| peer.name == Peers::BASELINE } ? columns : columns.except("to Penstock before")
    end

    def service(contestant)
      results = contestant.results
      [Table.number(Statistics.median(results.map { _1.requests / _1.seconds })),
       Table.figure(milliseconds(results.map(&:p99))), Table.failures(contestant.errors)]
    end

    def milliseconds(seconds) = seconds.all? ? Statistics.median(seconds) * 1000 : nil

    # The server of this name that is asked in the same way.
    def other(contestant, name, threads)
      running.find { |one| one.peer.name == name && one.threads == threads && one.beside? == contestant.beside? }
    end

    # The server of others that needs least. One that answers wrongly is none.
    def best = running.select(&:rival?).min_by { |contestant| Statistics.median(contestant.cpu) }

    def ratio(contestant, other)
      other && other != contestant ? format("%.2f", Statistics.paired_ratio(contestant.cpu, other.cpu)) : Table::NOTHING
    end

    def verdicts
      goals = @workload.goals.filter_map { |goal| goal.verdict(running.reject(&:beside?)) }
      @workload.beside ? goals + TlsCost.new(running).verdicts : goals
    end

    def closing_notes
      closing = @contestants.select { |contestant| contestant.closes? && !contestant.fault }.map { _1.peer.full_title }.uniq
      closing.map { |name| "#{name} ends this body with its connection: each request needs a new one.\n" }
    end

    # What was compared, and what was left out.
    def peer_notes
      mute = @options.peers.reject { |peer| peer.speaks?(@workload) }.map(&:full_title)
      [("Not here, for want of HTTP/2: #{mute.join(", ")}.\n" if mute.any?),
       ("#{Tls::VERSION} was negotiated with each server that has figures.\n" if @workload.tls),
       ("The best of the others is #{best.label}.\n" if best),
       *Machine.gems(@workload.gems), *@options.notes].compact
    end
  end
end
