# frozen_string_literal: true

module Bench
  # What is to be reached: that a figure of one server is at most so many times that of another one. The figure is
  # the CPU a request.
  #
  # of, to: Array of a server's name (of `to` it may be BEST) and its number of threads (nil for bare hyper); limit: the ratio
  # at most
  Goal = Struct.new(:of, :to, :limit) do
    # @param limit [Numeric] a ratio
    # @return [Boolean] whether it is so near to 1 that only an interval can tell whether it is reached
    def self.close?(limit) = (limit - 1).abs <= Goal::NEAR

    # The server of others that needs least. One that answers wrongly is none.
    # @param contestants [Array<Contestant>] those that were measured
    # @param threads [Integer, nil] the best of those with so many, or with no number of them; nil: of all
    # @return [Contestant, nil] it; nil where there is none
    def self.best(contestants, threads)
      rivals = contestants.select { |one| one.rival? && (threads.nil? || [threads, nil].include?(one.threads)) }
      rivals.min_by { |one| Statistics.median(one.cpu) }
    end

    # @param what [String] the goal
    # @param figure [String] what was measured
    # @param reached [Boolean] whether that is enough
    # @return [String] an item of a list
    def self.sentence(what, figure, reached) = "- Goal: #{what}: #{figure}, #{reached ? "reached" : "**not reached**"}.\n"

    # Judges by the median, or where the limit is close to 1 by the whole 95% interval.
    # @param what [String] the goal
    # @param ratios [Array<Float>] one for each round, at least one
    # @param limit [Numeric] the ratio at most
    # @return [String] an item of a list
    def self.judge(what, ratios, limit)
      median = Statistics.median(ratios)
      return sentence(what, "#{rounded(median)} (#{range(ratios.minmax)})", median <= limit) unless close?(limit)
      return "- Goal: #{what}: #{rounded(median)}, not judged, which takes #{Goal::ROUNDS} rounds.\n" if ratios.size < Goal::ROUNDS

      interval = Statistics.interval(ratios)
      sentence(what, "#{rounded(median)} (95%: #{range(interval)})", interval.last <= limit)
    end

    # @param ratio [Float]
    # @return [String] it with two digits
    def self.rounded(ratio) = format("%.2f", ratio)

    # @param ratios [Array<Float>] the least and the most
    # @return [String] for people
    def self.range(ratios) = ratios.map { |ratio| rounded(ratio) }.join(" to ")

    # @return [Boolean] whether the rounds have to be many
    def close? = Goal.close?(limit)

    # @param contestants [Array<Contestant>] those that were measured
    # @return [String, nil] a sentence about it; nil where one of the two was not measured
    def verdict(contestants)
      one = find(contestants, *of)
      other = to.first == Goal::BEST ? Goal.best(contestants, to.last) : find(contestants, *to)
      ratios = one && other ? Statistics.ratios(one.cpu, other.cpu) : []
      return if ratios.empty?

      best = "the best of the others, " if to.first == Goal::BEST
      Goal.judge("#{one.label} at most #{limit} times #{best}#{other.label}", ratios, limit)
    end

    private

    def find(contestants, name, threads)
      contestants.find { |one| one.peer.name == name && one.threads == threads }
    end
  end

  # In the place of a server's name: the one of others that needs least.
  Goal::BEST = :best

  # By how much a limit may differ from 1 and still be close to it.
  Goal::NEAR = 0.1 + Float::EPSILON

  # Rounds that it takes to judge a limit that is close to 1.
  Goal::ROUNDS = 15
end
