# frozen_string_literal: true

module Bench
  # One bar for each server, from the top to the bottom, with its figure behind it.
  class BarPlot < Plot
    # Dots that a bar takes, and those around all of them.
    BAR = 26
    AROUND = 110

    # @param name [String] the file's name without ".png"
    # @param title [String] what it shows
    # @param unit [String] of the figures
    # @param bars [Hash{String => Numeric}] a figure for each label, at least one
    def initialize(name, title, unit:, bars:)
      super(name, title)
      @unit = unit
      @bars = bars
    end

    def height = AROUND + (BAR * @bars.size)

    def script
      rows = @bars.each_with_index.map do |(label, value), index|
        [index, value, Integer(Plot.colour(label).delete("#"), 16), %("#{label}"), %("#{Table.figure(value)}")].join(" ")
      end
      <<~GNUPLOT
        $bars << END
        #{rows.join("\n")}
        END
        unset key
        set grid noytics xtics
        set xlabel #{quoted(@unit)}
        set xrange [0:#{@bars.each_value.max * 1.12}]
        set yrange [#{@bars.size - 0.4}:-0.6]
        set ytics scale 0
        set style fill solid noborder
        plot $bars using (0):1:(0):2:($1-0.36):($1+0.36):3:ytic(4) with boxxyerror linecolor rgb variable, \\
             $bars using 2:1:5 with labels left offset 0.6,0
      GNUPLOT
    end
  end
end
