# frozen_string_literal: true

module Bench
  # What a load test asks of the servers.
  #
  # name: as on the command line; title: what it is, in a few words; app: the file of benchmark/apps without ".ru";
  # chunks: what bare hyper is asked for, nil where it has nothing like it; connections: of the client; streams: of each
  # connection at a time, nil for HTTP/1; headers: of each request beside Host; body: what each answer has to be; goals: an Array of Goal
  Workload = Struct.new(:name, :title, :app, :chunks, :connections, :streams, :headers, :body, :goals, keyword_init: true) do
    # What is asked for, and gets the others' defaults.
    def initialize(name:, title:, app: name, chunks: nil, connections: 64, streams: nil, headers: {}, body: nil, goals: [])
      super
    end

    # @return [Boolean] whether it is one of HTTP/2
    def http2? = !streams.nil?

    # @return [Module] what puts the load on: its `run` and `to_shell`
    def load = http2? ? H2load : Wrk
  end

  # What is to be reached: that a figure of one server is at most so many times that of another one. The figure is
  # the CPU a request.
  #
  # of, to: Array of a server's name and its number of threads (nil for bare hyper); limit: the ratio at most
  Goal = Struct.new(:of, :to, :limit) do
    # @param contestants [Array<Contestant>] those that were measured
    # @return [String, nil] a sentence about it; nil where one of the two was not measured
    def verdict(contestants)
      one, other = [of, to].map { |name, threads| contestants.find { _1.peer.name == name && _1.threads == threads } }
      ratio = one && other && Statistics.paired_ratio(one.cpu, other.cpu)
      return unless ratio

      Goal.sentence("#{one.label} at most #{limit} times #{other.label}", format("%.2f", ratio), ratio <= limit)
    end

    # @param what [String] the goal
    # @param figure [String] what was measured
    # @param reached [Boolean] whether that is enough
    # @return [String] an item of a list
    def self.sentence(what, figure, reached) = "- Goal: #{what}: #{figure}, #{reached ? "reached" : "**not reached**"}.\n"
  end
end
