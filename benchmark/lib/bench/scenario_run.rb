# frozen_string_literal: true

module Bench
  # What one server did in a scenario of bench-client. The figures of a phase are those that bench-client prints.
  class ScenarioRun
    # @return [String] the server
    attr_reader :label

    # @return [String, nil] why there are no figures
    attr_accessor :fault

    # @param label [String] the server
    def initialize(label)
      @label = label
      @phases = Hash.new { |phases, name| phases[name] = [] }
    end

    # @param name [String] a phase's; there may be several of one name
    # @param figures [Hash{Symbol => Numeric, nil}] the phase's
    # @param cpu [Integer] nanoseconds that the server needed for it
    def add(name, figures, cpu) = @phases[name] << { **figures, cpu: cpu }

    # @param name [String] a phase's
    # @param key [Symbol] of one of its figures
    # @return [Array<Numeric>] those of this name, one for each round; empty where one of them has none
    def values(name, key)
      values = @phases[name].map { |figures| figures[key] }
      values.all? ? values : []
    end

    # @param name [String] a phase's
    # @param key [Symbol] of one of its figures
    # @return [Float, nil] the median of those of this name; nil where one of them has none
    def median(name, key)
      values = values(name, key)
      Statistics.median(values) if values.any?
    end

    # @param name [String] a phase's
    # @param key [Symbol] of one of its figures
    # @return [Numeric] the sum over those of this name
    def sum(name, key) = @phases[name].sum { |figures| figures[key] }

    # @param name [String] a phase's
    # @param key [Symbol] of the figure that says how many there were of what was done
    # @return [Float, nil] microseconds of CPU for one of them; nil where there were none
    def cpu(name, key)
      count = sum(name, key)
      sum(name, :cpu) / 1000.0 / count if count.positive?
    end
  end
end
