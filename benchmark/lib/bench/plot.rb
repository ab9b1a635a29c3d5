# frozen_string_literal: true

require "fileutils"
require "open3"

module Bench
  # A picture that gnuplot draws; what is in it is up to those that derive from it.
  class Plot
    # In dots.
    WIDTH = 800

    # The colour of each server, by how its label begins.
    COLOURS = { "bare hyper" => "#7f7f7f", "Penstock before" => "#e6a08f", "Penstock" => "#c0392b", "Puma" => "#2471a3",
                "Falcon" => "#229954", "Iodine" => "#b7950b", "Itsi" => "#7d3c98" }.freeze

    # The colour of all others.
    OTHER = "#34495e"

    # What a person has to do who wants pictures.
    HINT = "There are no plots without gnuplot. As root, type:  apt-get install gnuplot-nox"

    # @return [String] the file's name without ".png"
    attr_reader :name

    # @return [String] what it shows
    attr_reader :title

    # @return [Boolean] whether there is something to draw with
    def self.possible? = Machine.which?("gnuplot")

    # @param label [String] a server's
    # @return [String] its colour
    def self.colour(label) = COLOURS.find { |beginning,| label.start_with?(beginning) }&.last || OTHER

    # @param name [String] the file's name without ".png"
    # @param title [String] what it shows
    def initialize(name, title)
      @name = name
      @title = title
    end

    # Draws it.
    # @param path [String] of the file, whose folder is made
    # @raise [Error] with what gnuplot said, when it did not draw
    def draw(path)
      FileUtils.mkdir_p(File.dirname(path))
      output, status = Open3.capture2e("gnuplot", stdin_data: head(path) + script)
      raise Error, "gnuplot did not draw #{title}: #{output.strip}" unless status.success?
    end

    # @return [String] what gnuplot is told; given by those that derive from this
    def script = raise(NotImplementedError)

    # @return [Integer] height in dots
    def height = 420

    private

    # Of what was measured, beside the servers in the picture.
    def versions = "Penstock #{Gem.loaded_specs.fetch("penstock").version}, #{Machine.ruby}"

    # With a palette a picture is a fifth of what it is in true colour.
    def head(path)
      <<~GNUPLOT
        set terminal png notruecolor size #{WIDTH},#{height} font "DejaVu Sans,10" noenhanced
        set output #{quoted(path)}
        set title #{quoted(title)}
        set border 3 linecolor rgb "#555555"
        set grid linecolor rgb "#bbbbbb"
        set tics nomirror
        set label 1 #{quoted(versions)} at screen 0.01, screen 0.02 left textcolor rgb "#777777"
      GNUPLOT
    end

    # A string of gnuplot in which nothing is replaced.
    def quoted(text) = "'#{text.gsub("'", "''")}'"
  end
end
