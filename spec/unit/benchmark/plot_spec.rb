# frozen_string_literal: true

require "tmpdir"
require_relative "../../../benchmark/lib/bench"

RSpec.describe Bench::Plot do
  let(:folder) { Dir.mktmpdir }
  let(:bars) { Bench::BarPlot.new("hello", "one's body", unit: "µs", bars: { "bare hyper" => 5.0, "Penstock, 1 thread" => 9.876 }) }
  let(:lines) do
    Bench::LinePlot.new("rates", "p99", axes: %w[rate ms], lines: { "Puma 8" => [[1000, 2.5], [2000, 40]] }, log: true, ticks: [1000, 2000])
  end

  after { FileUtils.rm_r(folder) }

  # Width and height of a PNG.
  def size(file) = File.binread(file, 24).unpack("@16N2")

  it "gives each server its colour, and others one of theirs" do
    expect(described_class.colour("Penstock before, 1 thread")).not_to eq(described_class.colour("Penstock, 1 thread"))
    expect(described_class.colour("Penstock, 1 thread")).to eq(described_class.colour("Penstock, 5 threads"))
    expect(described_class.colour("apache")).to eq(described_class::OTHER)
  end

  it "labels each bar with its server and its figure" do
    expect(bars.script).to include('0 5.0 8355711 "bare hyper" "5.00"', '"Penstock, 1 thread" "9.88"')
  end

  it "draws each point of a line, and marks where it is told" do
    expect(lines.script).to include("1000 2.5\n2000 40\n", "set logscale y", "title 'Puma 8'", "set xtics ('1,000' 1000, '2,000' 2000)")
  end

  it "draws files that gnuplot finds no fault with, if it is there" do
    skip "needs gnuplot" unless described_class.possible?

    files = [bars, lines].map { |plot| File.join(folder, "plots", "#{plot.name}.png").tap { |path| plot.draw(path) } }
    expect(files.map { |file| size(file) }).to eq([[800, bars.height], [800, 420]])
  end

  it "says what gnuplot said where it cannot draw" do
    skip "needs gnuplot" unless described_class.possible?

    broken = Class.new(described_class) { def script = "plot nonsense\n" }.new("broken", "nothing")
    expect { broken.draw(File.join(folder, "broken.png")) }.to raise_error(Bench::Error, /did not draw nothing: .*nonsense/m)
  end
end
