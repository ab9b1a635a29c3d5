# frozen_string_literal: true

require "yaml"
require_relative "callgrind"

module Bench
  # The guard against a rise in cost: instructions for a hello and for a write to a stream, beside those that were written down.
  class Instructions
    # Where they are written down, for each version of Ruby and platform.
    FILE = File.expand_path("../../instructions.yml", __dir__)

    # By how much one may rise.
    TOLERANCE = 0.05

    # How often one that has risen is counted: how threads take turns moves the figures by a percent or two, and more where the
    # machine is busy.
    TRIES = 3

    # What is counted: the application, requests before the count and in it, and what each request has of what the figure is for.
    COUNTED = {
      "hello" => { app: "hello", warm_up: 1000, requests: 10_000, each: 1 },
      "stream_write" => { app: "streaming_1000", warm_up: 20, requests: 100, each: 1000 }
    }.freeze

    # @param file [String] as FILE
    # @param key [String] under which the figures of this Ruby stand
    # @param out [IO] where it is told
    # @param counter [#count] as Callgrind
    def initialize(file: FILE, key: "#{RUBY_VERSION} #{RUBY_PLATFORM}", out: $stdout, counter: Callgrind)
      @file = file
      @key = key
      @out = out
      @counter = counter
      @all = File.exist?(file) ? YAML.safe_load_file(file) : {}
    end

    # @param arguments [Array<String>] of the command line
    # @return [Integer] the exit status: 1 where a figure has risen too much
    def run(arguments)
      case arguments
      when [] then compare
      when ["--write"] then write
      else
        @out.puts "benchmark/instructions takes --write, or nothing: not #{arguments.join(" ")}"
        2
      end
    end

    private

    def compare
      before = @all[@key]
      unless before
        @out.puts "There are no figures for Ruby #{@key}: type benchmark/instructions --write"
        return 0
      end
      COUNTED.keys.map { |name| risen?(name, before.fetch(name)) }.any? ? 1 : 0
    end

    # Whether a figure has risen too much, which is told.
    def risen?(name, before)
      now = nil
      TRIES.times do
        now = [now, count(name)].compact.min
        break if now <= before * (1 + TOLERANCE)
      end
      change = format("%+.1f", ((now.to_f / before) - 1) * 100)
      risen = now > before * (1 + TOLERANCE)
      advice = ": more than #{(TOLERANCE * 100).round}%; find out why, or type benchmark/instructions --write" if risen
      tell(name, "#{now} instructions, #{change}% against #{before}#{advice}")
      risen
    end

    def tell(name, text) = @out.puts("#{"#{name}:".ljust(14)}#{text}")

    def count(name)
      counted = COUNTED.fetch(name)
      @counter.count(counted[:app], warm_up: counted[:warm_up], requests: counted[:requests]) / counted[:requests] / counted[:each]
    end

    def write
      figures = COUNTED.keys.to_h { |name| [name, Array.new(TRIES) { count(name) }.min] }
      text = "# Instructions that Penstock takes, written by benchmark/instructions --write for one version of Ruby at a time.\n"
      File.write(@file, text + YAML.dump(@all.merge(@key => figures).sort.to_h))
      figures.each { |name, figure| tell(name, "#{figure} instructions") }
      0
    end
  end
end
