# frozen_string_literal: true

module Bench
  # What bin/bench does.
  class Program
    # @param arguments [Array<String>] the command line
    # @return [Integer] the exit status: 0, or 1 with a line on standard error
    def self.run(arguments)
      new(Options.new(arguments)).run
      0
    rescue Error => e
      warn "bin/bench: #{e.message}"
      1
    rescue Interrupt
      warn "bin/bench: interrupted"
      1
    end

    # @param options [Options] what to do
    def initialize(options)
      @options = options
    end

    # Runs the tests, prints each one's table as soon as it is there, and records it.
    # @raise [Error] where the machine is not fit for it
    def run
      Machine.check
      Machine.build
      report = Report.new(@options.output, chapter: Machine.ruby, versions: versions)
      puts "#{Machine.ruby}, #{versions}.", ""
      puts Plot::HINT, "" unless @options.output.nil? || Plot.possible?
      $stdout.flush
      @options.tests.each do |name|
        section = test(name).run
        puts section, ""
        $stdout.flush
        report.add(section, Options.names)
      end
    end

    private

    # What is measured, and what is left out.
    def versions
      missing = @options.left_out
      return Machine.versions if missing.empty?

      "#{Machine.versions}. Left out, for they need Ruby 3.3 or newer: #{missing.map(&:title).join(", ")}"
    end

    def test(name)
      if Options::SINGLE_TESTS.key?(name) then Options::SINGLE_TESTS[name].new(@options)
      elsif IdleTest::KINDS.key?(name) then IdleTest.new(IdleTest::KINDS[name], @options)
      elsif StreamsTest::KINDS.key?(name) then StreamsTest.new(StreamsTest::KINDS[name], @options)
      elsif Scenarios::ALL.key?(name) then ScenarioTest.new(Scenarios::ALL[name], @options)
      else LoadTest.new(Workloads::ALL.find { |workload| workload.name == name }, @options)
      end
    end
  end
end
