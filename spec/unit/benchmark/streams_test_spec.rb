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

  # The verdict on runs with so much CPU a delivery, in microseconds.
  def verdict(figures)
    runs = figures.map do |label, cpu|
      instance_double(Bench::StreamsRun, label: label, fault: cpu ? nil : "broken", cpu_a_delivery: cpu)
    end
    options = instance_double(Bench::Options, connections: 1, threads: [5])
    described_class.new(described_class::KINDS["sse"], options).send(:group_goal, runs)
  end

  it "judges what a group needs beyond the floor by what a loop in Ruby does" do
    loop_in_ruby = { "bare send(2), one for each message" => 2.0, "Penstock, 5 threads, streaming body" => 7.0 }
    by_group = ->(cpu) { loop_in_ruby.merge("Penstock, 5 threads, Penstock::Group" => cpu) }
    expect(verdict(by_group[3.0])).to include("0.20, reached")
    expect(verdict(by_group[3.5])).to include("0.30, **not reached**")
    expect([verdict(loop_in_ruby), verdict(by_group[nil])]).to eq([nil, nil])
  end

  it "leaves out who does not speak HTTP/2" do
    expect(measured("streams_http2", "penstock", "puma", "falcon")).to eq(%w[penstock falcon])
  end
end
