# frozen_string_literal: true

require_relative "../../../benchmark/lib/bench"

RSpec.describe Bench::ScenarioTest do
  # The section of a scenario, whose servers are never started.
  def section(name, *peers)
    options = instance_double(Bench::Options, peers: peers.map { |peer| Bench::Peers[peer] }, threads: [1, 5], rounds: 2, seconds: 4,
                                              notes: [], command: "bin/bench #{name}")
    allow(Bench::Server).to receive(:new).and_raise(Bench::Error, "did not come up")
    described_class.new(Bench::Scenarios::ALL[name], options).run.text
  end

  it "writes down what it runs" do
    expect(section("cable", "penstock")).to include("-t 5 ", "bench-client cable PORT 200 4 1000 1\n")
    expect(section("cpu_bound", "penstock", "puma")).to include("bench-client cpu_bound PORT 200 2 64 100 /stream|/hijack\n")
  end

  it "puts what is wrong into the place of the figures" do
    expect(section("cable", "penstock")).to match(/^\| Penstock, 5 threads \| \*\*did not come up\*\* \| – \|/)
    expect(section("cpu_bound", "iodine")).to include("| **sends nothing of a stream before its end** |")
  end

  it "leaves bare hyper out where it has nothing like it" do
    expect(section("message_bus", "hyper", "penstock")).not_to include("hyper")
  end

  it "compares each round of Penstock with that of Puma where it has a goal" do
    runs = { "penstock" => 8.0, "puma" => 10.0 }.to_h do |name, p99|
      run = Bench::ScenarioRun.new(name)
      15.times { run.add("cpu_bound", { answer_p99: p99 }, 1) }
      [instance_double(Bench::Contestant, peer: Bench::Peers[name], label: name), run]
    end
    goal, = Bench::Scenarios::ALL["cpu_bound"].goals
    expect(goal.verdict(runs)).to end_with("penstock at most 0.9 times puma: 0.80 (95%: 0.80 to 0.80), reached.\n")
    expect(goal.verdict(runs.first(1).to_h)).to be_nil
  end
end
