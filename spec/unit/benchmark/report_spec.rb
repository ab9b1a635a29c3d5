# frozen_string_literal: true

require "tmpdir"
require_relative "../../../benchmark/lib/bench"

RSpec.describe Bench::Report do
  let(:folder) { Dir.mktmpdir }
  let(:path) { File.join(folder, "RESULTS.md") }
  let(:order) { %w[hello sleep] }

  after { FileUtils.rm_r(folder) }

  def add(name, text, chapter: "Ruby 3.4.5 with YJIT", versions: "Puma 8")
    described_class.new(path, chapter:, versions:).add(Bench::Report::Section.new(name, "a title", "#{text}\n"), order)
  end

  def written = File.read(path)

  it "keeps the other sections, in the tests' order" do
    add("sleep", "slept")
    add("hello", "said")
    expect(written).to match(/### hello: a title\n\nsaid\n\n### sleep: a title\n\nslept\n\z/)
  end

  it "replaces a section of the same test" do
    add("hello", "first")
    add("hello", "second")
    expect(written.scan("### hello").size).to eq(1)
    expect(written).to include("second").and(not_include("first"))
  end

  it "keeps the chapters of other Rubies, the newest first" do
    add("hello", "old", chapter: "Ruby 3.1.2 without YJIT")
    add("hello", "new")
    add("hello", "older", chapter: "Ruby 3.1.2 without YJIT")
    expect(written.scan(/^## .+/)).to eq(["## Ruby 3.4.5 with YJIT", "## Ruby 3.1.2 without YJIT"])
    expect(written).to include("new", "older")
  end

  it "begins a chapter anew for other versions" do
    add("sleep", "slept")
    add("hello", "said", versions: "Puma 9")
    expect(written).to include("Puma 9.", "said").and(not_include("slept"))
  end

  it "changes nothing when the same is added again" do
    add("hello", "said")
    before = written
    add("hello", "said")
    expect(written).to eq(before)
  end

  it "keeps one chapter for each series of Ruby" do
    add("hello", "old")
    add("sleep", "new", chapter: "Ruby 3.4.6 with YJIT")
    expect(written.scan(/^## .+/)).to eq(["## Ruby 3.4.6 with YJIT"])
    expect(written).to not_include("old")
  end

  it "lists all goals of a chapter at its beginning" do
    add("sleep", "slept\n\n- Goal: to sleep: 1, reached.")
    2.times { add("hello", "said\n\n- Goal: to say: 2, **not reached**.") }
    expect(written).to include("Puma 8.\n\nGoals, each behind the name of its test:\n\n- hello: to say: 2, **not reached**.\n" \
                               "- sleep: to sleep: 1, reached.\n\n### hello")
  end

  describe "with a plot" do
    let(:plot) { Bench::Plot.new("hello", "What it takes") }
    let(:section) { Bench::Report::Section.new("hello", "a title", "said\n", [plot]) }
    let(:report) { described_class.new(path, chapter: "Ruby 3.4.5 with YJIT", versions: "Puma 8") }

    it "draws it beside the file, and shows it below the section" do
      allow(Bench::Plot).to receive(:possible?).and_return(true)
      allow(plot).to receive(:draw)
      report.add(section, order)
      expect(plot).to have_received(:draw).with(File.join(folder, "plots/ruby-3.4-hello.png"))
      expect(written).to end_with("said\n\n![What it takes](plots/ruby-3.4-hello.png)\n")
    end

    it "writes its table alone where it cannot be drawn" do
      allow(Bench::Plot).to receive(:possible?).and_return(true)
      allow(plot).to receive(:draw).and_raise(Bench::Error, "gnuplot did not draw")
      expect { report.add(section, order) }.to output("bin/bench: gnuplot did not draw\n").to_stderr
      expect(written).to include("said").and(not_include("plots/"))
    end

    it "writes its table alone where there is nothing to draw with" do
      allow(Bench::Plot).to receive(:possible?).and_return(false)
      report.add(section, order)
      expect(written).to include("said").and(not_include("plots/"))
    end
  end

  it "writes nothing without a path" do
    described_class.new(nil, chapter: "Ruby", versions: "Puma").add(Bench::Report::Section.new("hello", "", ""), order)
    expect(File.exist?(path)).to be(false)
  end

  RSpec::Matchers.define_negated_matcher :not_include, :include
end
