# frozen_string_literal: true

module Bench
  # How long a hello takes at one fixed rate after the other, until a server cannot follow.
  class RatesTest
    # The test's name, and what it is.
    NAME = "hello_rates"
    TITLE = "one short body at fixed rates"

    # Requests in a second. The client's own limit is above the last one.
    RATES = [2000, 5000, 10_000, 20_000, 30_000].freeze

    # Turns of each rate.
    ROUNDS = 3

    # Failures of which one is enough to show no figure.
    FAILED = "fails"

    # @param options [Options] of which servers; how many rounds at most, and how long a turn is
    def initialize(options)
      @options = options
      @rounds = [ROUNDS, options.rounds].min
      @workload = Workloads::ALL.find { |workload| workload.name == "hello" }
    end

    # Runs it.
    # @return [Report::Section] the table and a plot
    def run
      noise = Noise.new
      measure
      text = [commands, Table.markdown(heads, @contestants.map { |contestant| row(contestant) }), *@options.notes, noise.sentence]
      Report::Section.new(NAME, TITLE, text.join("\n"), plots)
    end

    private

    def contestants
      threads = [@options.threads.max]
      @options.peers.map { |peer| Contestant.new(peer, peer.thread_counts(threads).first, @workload) }
    end

    def measure
      @contestants = contestants
      @p99 = @contestants.to_h { |contestant| [contestant, Hash.new { |hash, rate| hash[rate] = [] }] }
      Turns.take(@contestants, 0, @options) do |running|
        RATES.each { |rate| @rounds.times { running.each { |contestant| turn(contestant, rate) } } }
      end
    end

    def turn(contestant, rate)
      figures = contestant.at_rate(@options.seconds, rate:) or return
      @p99[contestant][rate] << (figures[:failures].zero? ? figures[:answer_p99] : nil)
    end

    def commands
      servers = @contestants.map { |contestant| contestant.peer.to_shell(**contestant.options) }
      load = @workload.rate_arguments("PORT", @options.seconds, rate: RATES.join("|"))
      Table.commands(@options.command(NAME), *servers, Client.to_shell(*load))
    end

    def heads = ["p99 ms at a rate of", *RATES.map { |rate| "#{Table.number(rate)}/s" }]

    def row(contestant)
      return [contestant.label, "**#{contestant.fault}**", *Array.new(RATES.size - 1, Table::NOTHING)] if contestant.fault

      [contestant.label, *RATES.map { |rate| cell(@p99[contestant][rate]) }]
    end

    def cell(values) = values.all? ? Table.figure(Statistics.median(values)) : "**#{FAILED}**"

    def plots
      lines = @contestants.reject(&:fault).to_h do |contestant|
        points = @p99[contestant].select { |_, values| values.all? }
        [contestant.label, points.map { |rate, values| [rate, Statistics.median(values)] }]
      end
      lines.reject! { |_, points| points.empty? }
      return [] if lines.empty?

      [LinePlot.new(NAME, "p99 of a hello against the rate at which it is asked for", axes: ["requests a second", "p99 in ms"], lines:,
                                                                                      log: true)]
    end
  end
end
