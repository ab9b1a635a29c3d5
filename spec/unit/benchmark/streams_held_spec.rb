# frozen_string_literal: true

require_relative "../../../benchmark/lib/bench"

RSpec.describe Bench::Hold do
  let(:options) { Bench::Options.new(%w[--peers hyper,penstock,puma,iodine --connections 2000 --output -]) }

  before { allow(Bench::Server).to receive(:new).and_raise(Bench::Error, "did not come up") }

  it "has the servers that can have streams" do
    expect(described_class.peers(options).map(&:name)).to eq(%w[penstock puma])
    expect(described_class.path(Bench::Peers["puma"])).to eq("/hijack")
  end

  it "is looked at with a tenth of the streams, and with more" do
    section = Bench::StreamsMemoryTest.new(options).run
    expect(section.text).to include("bench-client hold PORT /stream|/hijack 200 500 1000 2000\n", "| 2,000 | KB a stream |")
    expect(section.text).to match(/^\| Penstock, 5 threads \| \*\*did not come up\*\* \|/)
    expect(section.plots).to be_empty
  end

  it "is compared with the same server without streams" do
    text = Bench::IdleStreamsTest.new(options).run.text
    expect(text).to include("bench-client hold PORT /stream|/hijack 2000\n", "with 2,000").and(not_include("Goal"))
    expect(text).to match(/^\| Puma \S+, 5 threads \| \*\*did not come up\*\* \|/)
  end

  RSpec::Matchers.define_negated_matcher :not_include, :include
end
