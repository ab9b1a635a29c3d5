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

  it "writes nothing without a path" do
    described_class.new(nil, chapter: "Ruby", versions: "Puma").add(Bench::Report::Section.new("hello", "", ""), order)
    expect(File.exist?(path)).to be(false)
  end

  RSpec::Matchers.define_negated_matcher :not_include, :include
end
