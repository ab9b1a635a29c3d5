# frozen_string_literal: true

require "fileutils"
require "stringio"
require "tmpdir"
require "yaml"
require_relative "../../../benchmark/lib/bench/instructions"

RSpec.describe Bench::Instructions do
  # Counts what it is told to, one figure after the other; the last one stays.
  def counter(hello:, stream_write: 1000)
    figures = { "hello" => Array(hello), "streaming_1000" => Array(stream_write) }
    Object.new.tap do |counter|
      counter.define_singleton_method(:count) do |app, warm_up:, requests:|
        raise "nothing fills the caches" unless warm_up.positive?

        figure = figures.fetch(app).then { |left| left.size > 1 ? left.shift : left.first }
        app == "hello" ? figure * requests : figure * requests * 1000
      end
    end
  end

  let(:out) { StringIO.new }
  let(:folder) { Dir.mktmpdir }
  let(:file) { File.join(folder, "instructions.yml") }

  after { FileUtils.rm_rf(folder) }

  def run(*arguments, **figures)
    described_class.new(file: file, key: "3.4.5 here", out: out, counter: counter(**figures)).run(arguments)
  end

  it "writes the least of some tries down, and leaves the figures of others as they are" do
    File.write(file, YAML.dump("3.1.2 there" => { "hello" => 1, "stream_write" => 2 }))
    expect(run("--write", hello: [40_100, 40_000, 40_200])).to eq(0)
    expect(YAML.load_file(file)).to eq("3.1.2 there" => { "hello" => 1, "stream_write" => 2 },
                                       "3.4.5 here" => { "hello" => 40_000, "stream_write" => 1000 })
  end

  it "takes a rise that is small, or that does not stay" do
    run("--write", hello: 40_000)
    expect(run(hello: 42_000, stream_write: 900)).to eq(0)
    expect(run(hello: [44_000, 43_000, 41_000])).to eq(0)
    expect(out.string).to include("42000 instructions, +5.0% against 40000\n", "900 instructions, -10.0% against 1000\n",
                                  "41000 instructions, +2.5% against 40000\n")
  end

  it "fails for one that is not, says which, and goes on" do
    run("--write", hello: 40_000)
    expect(run(hello: 42_100, stream_write: 1060)).to eq(1)
    expect(out.string).to match(/^hello: +42100 .* more than 5%; find out why.*\nstream_write: +1060 .* more than 5%/)
  end

  it "says what to do where there are no figures for this Ruby" do
    expect(run(hello: 1)).to eq(0)
    expect(out.string).to eq("There are no figures for Ruby 3.4.5 here: type benchmark/instructions --write\n")
  end

  it "refuses arguments that it does not know" do
    expect(run("--quick", hello: 1)).to eq(2)
    expect(out.string).to include("not --quick")
  end
end
