# frozen_string_literal: true

# Measures Penstock beside a bare hyper server and beside other servers of Rack. See bin/bench --help for how, and
# benchmark/RESULTS.md for what came out.
module Bench
  # The project's root folder.
  ROOT = File.expand_path("../..", __dir__)

  # What a person has to know and to act upon: it ends the program without a backtrace.
  class Error < StandardError
  end
end

%w[
  machine noise process_tree process_sample certificate server peer peers statistics table plot bar_plot line_plot report
  wrk h2load client handshakes tls workload goal workloads probe contestant turns tls_cost load_table load_test idle_test
  streams_run streams_table streams_test hold streams_memory_test idle_streams_test scenario_run scenarios scenario_test
  rates_test threads_test soak_test options program
].each { |name| require_relative "bench/#{name}" }
