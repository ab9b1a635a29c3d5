# frozen_string_literal: true

require "bundler/setup"

# Checks of what Penstock, Puma, Falcon, Iodine and Itsi do, each seen from a raw socket. See benchmark/features/run.
module Features
  # The project's root folder.
  ROOT = File.expand_path("../..", __dir__)

  # One row of the table. name: as on the command line; title: as in the table; app: the application that is served, or nil
  # where the check starts servers itself; block: runs in an Attempt and returns the evidence, or calls no!
  Check = Struct.new(:name, :title, :app, :block, keyword_init: true)

  @checks = []

  class << self
    # @return [Array<Check>] all checks in the order of the table
    attr_reader :checks

    # Adds a check.
    # @param name [String]
    # @param title [String]
    # @param app [String, nil]
    def check(name, title, app: "streams.ru", &block)
      checks << Check.new(name: name, title: title, app: app, block: block)
    end

    # Calls the block until it returns something or the time is over.
    # @param seconds [Numeric]
    # @return [Object, nil] what the block returned last
    def within(seconds)
      deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + seconds
      loop do
        value = yield
        return value if value || Process.clock_gettime(Process::CLOCK_MONOTONIC) >= deadline

        sleep 0.02
      end
    end
  end
end

%w[peer server attempt report program].each { |name| require_relative "lib/#{name}" }
%w[bodies streams clients hijacks libraries process http2].each { |name| require_relative "checks/#{name}" }

Features::Program.new(ARGV).run
