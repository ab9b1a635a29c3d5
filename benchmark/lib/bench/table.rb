# frozen_string_literal: true

module Bench
  # Text for people: tables in Markdown, and figures in them.
  module Table
    # What stands where there is no figure.
    NOTHING = "–"

    # By how much a ratio that means nothing may differ from 1.
    TIE = 0.1

    module_function

    # @param heads [Array<String>] one for each column
    # @param rows [Array<Array<String>>] their cells; the first column is text, the others are figures
    # @return [String] the table, ending in a line feed
    def markdown(heads, rows)
      rule = ["---", *Array.new(heads.size - 1, "---:")]
      [heads, rule, *rows].map { |cells| "| #{cells.join(" | ")} |\n" }.join
    end

    # @param value [Numeric, nil] nil makes NOTHING
    # @param digits [Integer] behind the point
    # @return [String] with commas between thousands
    def number(value, digits = 0)
      return NOTHING if value.nil? || (value.is_a?(Float) && !value.finite?)

      whole, fraction = format("%.#{digits}f", value).split(".")
      [whole.gsub(/(?<=\d)(?=(\d{3})+\z)/, ","), fraction].compact.join(".")
    end

    # Three digits that mean something, which is more than the measurements can tell apart.
    # @param value [Numeric, nil] microseconds, for instance
    # @return [String]
    def figure(value)
      return NOTHING if value.nil? || (value.is_a?(Float) && !value.finite?)

      number(value, [10, 100].count { |limit| value.abs < limit })
    end

    # @param value [Float, nil] so many times the figure of another server
    # @return [String] with the word tie where the two cannot be told apart
    def ratio(value)
      return NOTHING unless value

      "#{format("%.2f", value)}#{" (tie)" if (value - 1).abs < TIE}"
    end

    # @param count [Integer, nil] of what should not be
    # @return [String] it, in bold type where it is not 0
    def failures(count) = count&.positive? ? "**#{number(count)}**" : number(count)

    # @param command [String] what to type
    # @param details [Array<String>] what that runs
    # @return [String] a block of code
    def commands(command, *details)
      ["```sh", command, *details.map { |detail| "#   #{detail}" }, "```", ""].join("\n")
    end
  end
end
