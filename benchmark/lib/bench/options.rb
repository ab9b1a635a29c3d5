# frozen_string_literal: true

require "optparse"

module Bench
  # What the command line of bin/bench asks for.
  class Options
    # The tests that there is one of, by the name that selects them.
    SINGLE_TESTS = [RatesTest, ThreadsTest, StreamsMemoryTest, IdleStreamsTest, SoakTest].to_h { |test| [test::NAME, test] }.freeze

    # The tests that are no load test, by the name that selects them.
    OTHER_TESTS = [*IdleTest::KINDS.keys, *StreamsTest::KINDS.keys, *Scenarios::ALL.keys, *SINGLE_TESTS.keys].freeze

    # The tests of --quick: of each thing that has a goal and does not need many rounds.
    QUICK_TESTS = %w[hello hello_http2 enumerable_20 streaming_20 full_hijack idle].freeze

    # @return [Array<String>] names of the tests to run, in the order in which they are run
    attr_reader :tests

    # @return [Boolean] few short rounds, for a look instead of for the record
    attr_reader :quick

    # @return [Integer] seconds of one turn
    attr_reader :seconds

    # @return [Integer] seconds at a fixed rate behind the last round
    attr_reader :rate_seconds

    # @return [Integer] seconds of load before the first round
    attr_reader :warm_up

    # @return [Array<Integer>] numbers of Ruby threads to measure with
    attr_reader :threads

    # @return [Array<Peer>] the servers to measure
    attr_reader :peers

    # @return [Integer] connections of the tests "idle…", and streams of those that have as many as the command line says
    attr_reader :connections

    # @return [Integer] requests of each half of the test "soak"
    attr_reader :requests

    # @return [String, nil] path of the file of results; nil: they are only printed
    attr_reader :output

    # @return [Array<String>] names of all tests, in the order in which they are run
    def self.names = Workloads::ALL.map(&:name) + OTHER_TESTS

    # @return [Hash{String => String}] what each test is, in a few words
    def self.titles
      others = { **IdleTest::KINDS, **StreamsTest::KINDS, **Scenarios::ALL }.transform_values(&:title)
      { **Workloads::ALL.to_h { |workload| [workload.name, workload.title] }, **others, **SINGLE_TESTS.transform_values { |test| test::TITLE } }
    end

    # @param arguments [Array<String>] the command line without the program's name
    # @raise [Error] where it asks for what there is not
    def initialize(arguments)
      @quick = false
      @peers = Peers.available
      @output = File.join(ROOT, "benchmark/RESULTS.md")
      names = parser.parse(arguments)
      @flags = (arguments - names).grep_v(/\A--output/) - [@output || "-"]
      choose(names)
      add_baseline if @baseline
      complete
    rescue OptionParser::ParseError => e
      raise Error, "#{e.message}; bin/bench --help lists the options"
    end

    # @param close [Boolean] whether the test has a goal that only many rounds can judge
    # @return [Integer] rounds of a test; each server has one turn in each
    def rounds(close: false) = @rounds || (close && !quick ? Goal::ROUNDS : SIZES.fetch(quick)[:rounds])

    # @param workload [Workload] what is measured
    # @return [Array<Integer>] numbers of Ruby threads to measure it with: those of its goals, or the most
    def threads_of(workload)
      return threads if @threads_given

      chosen = threads & workload.goals.map { |goal| goal.of.last }
      chosen.empty? ? [threads.max] : chosen
    end

    # @param test [String] a test's name
    # @return [String] the command that runs this test alone, and in the same way
    def command(test) = ["bin/bench", test, *@flags].join(" ")

    # @return [Array<Peer>] servers that are left out, for they cannot be had on this Ruby
    def left_out = Peers::ALL - Peers.available

    # @return [Array<String>] what has to be said of servers where they are measured; each ends in a line feed
    def notes = peers.filter_map { |peer| peer.note && "#{peer.note}\n" }

    private

    # What a look takes, and what a measurement for the record takes.
    SIZES = {
      true => { rounds: 3, threads: [5], seconds: 1, rate_seconds: 1, warm_up: 1, connections: 5000, requests: 20_000 },
      false => { rounds: 7, threads: [1, 5], seconds: 1, rate_seconds: 2, warm_up: 1, connections: 10_000, requests: 50_000 }
    }.freeze
    private_constant :SIZES

    # Checks the names of tests.
    def choose(names)
      unknown = (names - Options.names).first
      raise Error, "there is no test #{unknown.inspect}; there are #{Options.names.join(", ")}" if unknown

      @tests = names.empty? ? default_tests : names
    end

    def default_tests = quick ? Options.names & QUICK_TESTS : Options.names

    # Behind Penstock, as which it is measured. Where it lies is nobody else's business.
    def add_baseline
      before = Peers.baseline(@baseline)
      place = @peers.index(&:penstock?) || -1
      @peers = @peers.dup.insert(place + 1, before)
      @flags = @flags.map { |flag| flag.delete_prefix("--baseline=") == @baseline ? flag.delete_suffix(@baseline) << "DIR" : flag }
    end

    # Fills in what was not said.
    def complete
      sizes = SIZES.fetch(quick)
      @threads ||= sizes[:threads]
      @seconds ||= sizes[:seconds]
      @connections ||= sizes[:connections]
      @requests ||= sizes[:requests]
      @rate_seconds, @warm_up = sizes.values_at(:rate_seconds, :warm_up)
    end

    def parser
      OptionParser.new do |parser|
        parser.banner = "Usage: bin/bench [options] [TEST…]"
        parser.separator("\nTests, all of them by default:\n\n")
        Options.titles.each { |name, title| parser.separator("    #{name.ljust(28)}#{title}") }
        parser.separator("\nOptions:\n\n")
        size_options(parser)
        choice_options(parser)
        parser.on("-h", "--help", "this text") { abort_with(parser.help) }
      end
    end

    def size_options(parser)
      parser.on("--quick", "a look at what a change does, in less than 5 minutes: 5 threads, 3 rounds, only printed,",
                "and without TEST these tests: #{QUICK_TESTS.join(" ")}") do
        @quick = true
        @output = nil
      end
      parser.on("--rounds N", Integer, "rounds of each test (7; #{Goal::ROUNDS} where a goal takes so many)") { |n| @rounds = count(n) }
      parser.on("--seconds N", Integer, "seconds of a server's turn in a round (1)") { |n| @seconds = count(n) }
      parser.on("--connections N", Integer, "connections of idle…, streams of streams…, sse, idle_streams (10000)") do |n|
        @connections = count(n)
      end
      parser.on("--requests N", Integer, "requests of each half of soak (50000)") { |n| @requests = count(n) }
    end

    def choice_options(parser)
      parser.on("--threads LIST", Array, "numbers of Ruby threads (1,5, of which a test without a goal takes 5)") do |list|
        @threads_given = @threads = list.map { count(_1) }
      end
      parser.on("--peers LIST", Array, "servers (#{Peers::NAMES.join(",")})") { |list| @peers = check_peers(list) }
      parser.on("--baseline DIR", "Penstock of another work tree beside this one; compiled there before") { |dir| @baseline = dir }
      parser.on("--output FILE", "instead of benchmark/RESULTS.md; - only prints") do |file|
        @output = (file unless file == "-")
      end
    end

    def count(given)
      number = Integer(given, exception: false)
      return number if number&.positive?

      raise Error, "#{given} is no number of things: take 1 or more"
    end

    def check_peers(list)
      unknown = (list - Peers::NAMES).first
      raise Error, "there is no server #{unknown.inspect}; there are #{Peers::NAMES.join(", ")}" if unknown

      chosen = Peers.available.select { |peer| list.include?(peer.name) }
      raise Error, "#{list.join(", ")} cannot be had on this Ruby" if chosen.empty?

      chosen
    end

    def abort_with(text)
      puts text
      exit
    end
  end
end
