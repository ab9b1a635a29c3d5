# frozen_string_literal: true

module Bench
  # Figures of several rounds made one.
  module Statistics
    # How likely the median lies outside of .interval.
    DOUBT = 0.05

    module_function

    # @param values [Array<Numeric>] at least one
    # @return [Float] the middle one, or the mean of the two in the middle
    def median(values)
      sorted = values.sort
      (sorted[(sorted.size - 1) / 2] + sorted[sorted.size / 2]) / 2.0
    end

    # The ratio of each round, which drifts of the machine between rounds do not move.
    # @param values [Array<Numeric>] one for each round
    # @param others [Array<Numeric>] of the same rounds
    # @return [Array<Float>] empty where one of the two lacks rounds
    def ratios(values, others)
      values.size == others.size ? values.zip(others).map { |value, other| value / other.to_f } : []
    end

    # @param values [Array<Numeric>] as for .ratios
    # @param others [Array<Numeric>] as for .ratios
    # @return [Float, nil] the median of the ratios; nil where there are none
    def paired_ratio(values, others)
      ratios = ratios(values, others)
      median(ratios) if ratios.any?
    end

    # The 95% interval of the median, whatever the values' distribution: each of them is as likely above the true median as below it,
    # so that how many are below it is a matter of tossing coins.
    # @param values [Array<Numeric>]
    # @return [Array<Numeric>, nil] its two ends; nil for fewer than six values, for which there is none
    def interval(values)
      sorted = values.sort
      ways = 0
      outside = (0..values.size).take_while do |count|
        ways += binomial(values.size, count)
        2 * ways <= DOUBT * (2**values.size)
      end
      outside.any? ? [sorted[outside.size - 1], sorted[-outside.size]] : nil
    end

    # @param size [Integer] how many there are
    # @param count [Integer] how many of them are chosen
    # @return [Integer] in how many ways they can be chosen
    def binomial(size, count) = (1..count).inject(1) { |ways, step| ways * (size - step + 1) / step }
  end
end
