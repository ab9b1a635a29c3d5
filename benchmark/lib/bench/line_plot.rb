# frozen_string_literal: true

module Bench
  # A line for each server, through points that are marked. The title has to name it where there is only one.
  class LinePlot < Plot
    # @param name [String] the file's name without ".png"
    # @param title [String] what it shows
    # @param axes [Array<String>] what the horizontal and the vertical axis show, with their units
    # @param lines [Hash{String => Array<Array<Numeric>>}] the points of each label, each one x and y; at least one of them
    # @param log [Boolean] whether the vertical axis is logarithmic
    # @param ticks [Array<Numeric>, nil] where the horizontal axis has its marks; nil: where gnuplot likes
    def initialize(name, title, axes:, lines:, log: false, ticks: nil)
      super(name, title)
      @axes = axes
      @lines = lines
      @log = log
      @ticks = ticks
    end

    def script
      blocks = @lines.values.each_with_index.map do |points, index|
        ["$line#{index} << END", *points.map { |point| point.join(" ") }, "END"].join("\n")
      end
      [*blocks, *settings, "plot #{curves.join(", \\\n     ")}", ""].join("\n")
    end

    private

    def settings
      across, up = @axes.map { |axis| quoted(axis) }
      ["set xlabel #{across}", "set ylabel #{up}", "set offsets graph 0.03, graph 0.03, graph 0.05, 0",
       (@lines.one? ? "unset key" : "set key left top Left reverse"),
       (@log ? "set logscale y\nset format y \"%g\"" : "set yrange [0:*]"),
       *("set xtics (#{@ticks.map { |tick| "#{quoted(Table.number(tick))} #{tick}" }.join(", ")})" if @ticks)]
    end

    # The second of two lines of one server is dashed.
    def curves
      seen = Hash.new(0)
      @lines.keys.each_with_index.map do |label, index|
        colour = Plot.colour(label)
        dash = seen[colour] += 1
        "$line#{index} using 1:2 with linespoints linewidth 2 dashtype #{dash} pointtype 7 pointsize 0.9 " \
          "linecolor rgb #{quoted(colour)} title #{quoted(label)}"
      end
    end
  end
end
