# frozen_string_literal: true

require_relative "../../../benchmark/lib/bench"

RSpec.describe Bench::StreamsTest do
  # Names of the servers that are measured with these on the command line.
  def measured(kind, *names)
    options = instance_double(Bench::Options, peers: names.map { |name| Bench::Peers[name] }, threads: [5], connections: 100)
    described_class.new(described_class::KINDS[kind], options).send(:contestants).map { |contestant| contestant.peer.name }
  end

  it "measures a bare send(2) where bare hyper was chosen, and there is a floor" do
    expect(measured("sse", "hyper", "penstock", "iodine")).to eq(%w[send penstock])
    expect(measured("sse", "penstock", "puma")).to eq(%w[penstock puma])
    expect(measured("streams", "hyper", "penstock")).to eq(%w[penstock])
  end

  it "leaves out who does not speak HTTP/2" do
    expect(measured("streams_http2", "penstock", "puma", "falcon")).to eq(%w[penstock falcon])
  end
end
