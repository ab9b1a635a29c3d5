# frozen_string_literal: true

require_relative "../../../benchmark/lib/bench"

RSpec.describe Bench::ScenarioTest do
  # The section of a scenario, whose servers are never started.
  def section(name, *peers)
    options = instance_double(Bench::Options, peers: peers.map { |peer| Bench::Peers[peer] }, threads: [1, 5], rounds: 2, seconds: 3,
                                              notes: [], command: "bin/bench #{name}")
    allow(Bench::Server).to receive(:new).and_raise(Bench::Error, "did not come up")
    described_class.new(Bench::Scenarios::ALL[name], options).run.text
  end

  it "writes down what it runs, with as many seconds as the rounds of a load test take" do
    expect(section("hello_rate", "hyper", "penstock"))
      .to include("bare-hyper PORT hello", "-t 5 ", "bench-client rate PORT 2000 6 64\n")
    expect(section("cpu_bound", "penstock", "puma")).to include("bench-client cpu_bound PORT 200 6 64 100 /stream|/hijack\n")
  end

  it "puts what is wrong into the place of the figures" do
    expect(section("cable", "penstock")).to match(/^\| Penstock, 5 threads \| \*\*did not come up\*\* \| – \|/)
    expect(section("cpu_bound", "iodine")).to include("| **sends nothing of a stream before its end** |")
  end

  it "leaves bare hyper out where it has nothing like it" do
    expect(section("message_bus", "hyper", "penstock")).not_to include("hyper")
  end
end
