# frozen_string_literal: true

# bin/bench without the building: see there.

require "bundler/setup"
require_relative "lib/bench"

exit Bench::Program.run(ARGV)
