# frozen_string_literal: true

module Bench
  # Figures of several rounds made one.
  module Statistics
    module_function

    # @param values [Array<Numeric>] at least one
    # @return [Float] the middle one, or the mean of the two in the middle
    def median(values)
      sorted = values.sort
      (sorted[(sorted.size - 1) / 2] + sorted[sorted.size / 2]) / 2.0
    end

    # The median of the ratios of each round, which drifts of the machine between rounds do not move.
    # @param values [Array<Numeric>] one for each round
    # @param others [Array<Numeric>] of the same rounds
    # @return [Float, nil] nil where one of the two has no rounds
    def paired_ratio(values, others)
      return if values.empty? || values.size != others.size

      median(values.zip(others).map { |value, other| value / other.to_f })
    end
  end
end
