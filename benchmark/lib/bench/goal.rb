# frozen_string_literal: true

module Bench
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
