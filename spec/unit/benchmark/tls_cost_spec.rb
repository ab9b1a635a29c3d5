# frozen_string_literal: true

require_relative "../../../benchmark/lib/bench"

RSpec.describe Bench::TlsCost do
  def contestant(name, threads, cpu, beside: nil)
    workload = Bench::Workload.new(name: "hello", title: "")
    Bench::Contestant.new(Bench::Peers[name], threads, workload, beside:).tap { |one| one.cpu.concat(cpu) }
  end

  def verdicts(with, without)
    described_class.new([
      contestant("hyper", nil, [8.0, 9.0, 8.5]), contestant("hyper", nil, [5.0, 6.0, 5.5], beside: "without TLS"),
      contestant("penstock", 1, with), contestant("penstock", 1, without, beside: "without TLS")
    ]).verdicts
  end

  it "is what TLS adds in the rounds, with a goal for Penstock" do
    expect(verdicts([13.0, 15.0, 14.0], [10.0, 12.0, 11.0])).to eq([
      "- TLS adds to a request: 3.00 µs to bare hyper; 3.00 µs to Penstock, 1 thread.\n",
      "- Goal: TLS costs Penstock, 1 thread no more than bare hyper: 3.00 to 3.00 µs, reached.\n"
    ])
    expect(verdicts([13.0, 15.0, 14.5], [10.0, 11.0, 11.0]).last).to end_with("3.50 to 3.00 µs, **not reached**.\n")
  end

  it "is unknown where one of the two has failed" do
    expect(described_class.new([contestant("penstock", 1, [12.0])]).verdicts).to be_empty
    expect(verdicts([13.0], [10.0, 12.0, 11.0]).join).not_to include("Penstock")
  end
end
