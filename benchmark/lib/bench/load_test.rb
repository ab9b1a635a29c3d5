# frozen_string_literal: true

module Bench
  # Measures what a request costs each server under one workload: rounds in which each server has its turn, one at
  # a time; and behind them how long answers take at a fixed rate.
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
      table = LoadTable.new(@workload, @contestants, @options).to_s
      notes = [*failure_notes, *closing_notes, *peer_notes, noise.sentence, verdicts.join]
      text = [commands, table, *notes].reject(&:empty?).join("\n")
      Report::Section.new(@workload.name, @workload.title, text, plots)
    end

    private

    def left_out
      text = "Not here: it needs #{@workload.gems.join(" and ")}, of which this Ruby cannot have all.\n"
      Report::Section.new(@workload.name, @workload.title, text)
    end

    def measure
      @contestants = contestants
      Turns.take(@contestants, @options.rounds(close: @workload.close?), @options) do |running|
        running.each { |contestant| contestant.at_rate(@options.rate_seconds) } if @workload.rate
      end
    end

    def contestants
      peers = @options.peers.select { |peer| peer.speaks?(@workload) && (peer.rack || @workload.chunks) }
      peers.flat_map do |peer|
        peer.thread_counts(@options.threads_of(@workload)).flat_map do |threads|
          beside = @workload.beside && !peer.other?
          [Contestant.new(peer, threads, @workload),
           *(Contestant.new(peer, threads, @workload.plaintext, beside: "without TLS") if beside)]
        end
      end
    end

    def running = @contestants.reject(&:fault)

    def commands
      servers = @contestants.map { |contestant| contestant.peer.to_shell(**contestant.options) }
      loads = [@workload.load.to_shell(@workload, @options.seconds),
               *(Client.to_shell(*@workload.rate_arguments("PORT", @options.rate_seconds)) if @workload.rate)]
      Table.commands(@options.command(@workload.name), *servers, *loads)
    end

    def verdicts
      goals = @workload.goals.filter_map { |goal| goal.verdict(running.reject(&:beside?)) }
      @workload.beside ? goals + TlsCost.new(running).verdicts : goals
    end

    def plots
      bars = running.to_h { |contestant| [contestant.label, Statistics.median(contestant.cpu)] }
      return [] if bars.empty?

      [BarPlot.new(@workload.name, "#{@workload.name}: #{@workload.title}", unit: "CPU µs a #{@workload.unit}", bars:)]
    end

    # How a server answers wrongly, with which nothing is compared therefore.
    def failure_notes
      failing = running.reject { |contestant| contestant.errors.zero? }
      failing.map do |contestant|
        kinds = contestant.failures.map { |what, count| "#{Table.number(count)} #{what}" }
        "**#{contestant.label} answers wrongly**: of its requests #{kinds.join(", ")}.\n"
      end
    end

    def closing_notes
      closing = @contestants.select { |contestant| contestant.closes? && !contestant.fault }.map { _1.peer.full_title }.uniq
      closing.map { |name| "#{name} ends this body with its connection: each request needs a new one.\n" }
    end

    # What was compared, and what was left out.
    def peer_notes
      mute = @options.peers.reject { |peer| peer.speaks?(@workload) }.map(&:full_title)
      best = @contestants.map(&:threads).uniq.filter_map { |threads| Goal.best(running, threads)&.label }.uniq
      [("Not here, for want of HTTP/2: #{mute.join(", ")}.\n" if mute.any?),
       ("#{Tls::VERSION} was negotiated with each server that has figures.\n" if @workload.tls),
       ("The best of the others: #{best.join("; ")}.\n" if best.any?),
       *Machine.gems(@workload.gems), *@options.notes].compact
    end
  end
end
