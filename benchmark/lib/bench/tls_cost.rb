# frozen_string_literal: true

module Bench
  # What TLS costs servers that were measured with it and, in the same rounds, without it. Penstock is to pay no more for it
  # than bare hyper does.
  class TlsCost
    # @param contestants [Array<Contestant>] those that were measured
    def initialize(contestants)
      beside, others = contestants.partition(&:beside?)
      @costs = others.to_h do |one|
        plain = beside.find { |candidate| candidate.peer == one.peer && candidate.threads == one.threads }
        [one, plain && added(one, plain)]
      end.compact
    end

    # @return [Array<String>] items of a list: what it adds to each server, and whether Penstock's goal is reached
    def verdicts = [sentence, *goals].compact

    private

    # Microseconds a request: the median of the rounds' differences, which drifts between rounds do not move.
    def added(one, plain)
      return if one.cpu.empty? || one.cpu.size != plain.cpu.size

      Statistics.median(one.cpu.zip(plain.cpu).map { |with, without| with - without })
    end

    def sentence
      return if @costs.empty?

      parts = @costs.map { |one, cost| "#{Table.figure(cost)} µs to #{one.label}" }
      "- TLS adds to a request: #{parts.join("; ")}.\n"
    end

    def goals
      floor = @costs.find { |one,| one.peer.rack.nil? }&.last
      return [] unless floor

      @costs.select { |one,| one.peer.name == "penstock" }.map do |one, cost|
        Goal.sentence("TLS costs #{one.label} no more than bare hyper", "#{Table.figure(cost)} to #{Table.figure(floor)} µs",
                      cost <= floor)
      end
    end
  end
end
