# frozen_string_literal: true

require_relative "../../../benchmark/lib/bench"

RSpec.describe Bench::Goal do
  let(:contestant) do
    Struct.new(:label, :peer, :threads, :cpu, :errors) { def rival? = peer.other? && errors.zero? }
  end
  let(:others) { [contestant.new("bare hyper", Bench::Peers["hyper"], nil, [5.0, 5.0], 0)] }

  def penstock(cpu, threads = 1) = contestant.new("Penstock, #{threads} thread", Bench::Peers["penstock"], threads, cpu, 0)

  def peer(name, threads, cpu, errors: 0) = contestant.new(name.capitalize, Bench::Peers[name], threads, [cpu, cpu], errors)

  def verdict(cpu) = described_class.new(["penstock", 1], ["hyper", nil], 2.2).verdict([*others, penstock(cpu)])

  it "is reached at its limit and not above it" do
    expect(verdict([11.0, 11.0])).to eq("- Goal: Penstock, 1 thread at most 2.2 times bare hyper: 2.20 (2.20 to 2.20), reached.\n")
    expect(verdict([11.0, 11.2])).to end_with("2.22 (2.20 to 2.24), **not reached**.\n")
  end

  it "is not judged without both servers" do
    expect(described_class.new(["penstock", 1], ["hyper", nil], 2.2).verdict(others)).to be_nil
  end

  it "compares with the best of the others that has as many threads, or none, and no error" do
    goal = described_class.new(["penstock", 5], [described_class::BEST, 5], 0.5)
    peers = [peer("puma", 5, 40.0), peer("iodine", 1, 10.0), peer("itsi", 5, 10.0, errors: 1), peer("falcon", nil, 20.0)]
    expect(goal.verdict([*others, penstock([9.0, 9.0], 5), *peers]))
      .to eq("- Goal: Penstock, 5 thread at most 0.5 times the best of the others, Falcon: 0.45 (0.45 to 0.45), reached.\n")
    expect(described_class.best(peers, nil).label).to eq("Iodine")
    expect(goal.verdict([penstock([9.0, 9.0], 5), peers[2]])).to be_nil
  end

  it "is judged by the whole interval of many rounds where it is within 10% of 1" do
    expect([0.89, 0.9, 1.1, 1.11].map { |limit| described_class.close?(limit) }).to eq([false, true, true, false])
    expect(described_class.judge("so much", [*[0.94] * 12, *[0.98] * 3], 0.97)).to end_with("(95%: 0.94 to 0.94), reached.\n")
    expect(described_class.judge("so much", [*[0.94] * 10, *[0.98] * 5], 0.97)).to end_with("(95%: 0.94 to 0.98), **not reached**.\n")
  end

  it "is not judged by few rounds there" do
    expect(described_class.judge("so much", [0.9] * 14, 0.97)).to eq("- Goal: so much: 0.90, not judged, which takes 15 rounds.\n")
  end
end
