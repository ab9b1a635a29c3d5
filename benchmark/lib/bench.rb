# frozen_string_literal: true

# Measures Penstock beside a bare hyper server and beside Puma. See bin/bench --help for how, and
# benchmark/RESULTS.md for what came out.
module Bench
  # The project's root folder.
  ROOT = File.expand_path("../..", __dir__)

  # What a person has to know and to act upon: it ends the program without a backtrace.
  class Error < StandardError
  end
end

%w[
  machine noise process_tree process_sample server peers statistics table report workload workloads options
  wrk h2load probe contestant load_test client idle_test streams_run
  streams_table streams_test soak_test program
].each { |name| require_relative "bench/#{name}" }
