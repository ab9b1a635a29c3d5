# frozen_string_literal: true

# benchmark/instructions without the gems: see there.

require "bundler/setup"
require_relative "lib/bench/instructions"

exit Bench::Instructions.new.run(ARGV)
