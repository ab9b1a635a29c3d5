# frozen_string_literal: true

require_relative "../../../benchmark/lib/bench"

RSpec.describe Bench::Goal do
  let(:contestant) { Struct.new(:label, :peer, :threads, :cpu) }
  let(:others) { [contestant.new("bare hyper", Bench::Peers["hyper"], nil, [5.0, 5.0])] }

  def verdict(cpu)
    described_class.new(["penstock", 1], ["hyper", nil], 2.2)
      .verdict([*others, contestant.new("Penstock, 1 thread", Bench::Peers["penstock"], 1, cpu)])
  end

  it "is reached at its limit and not above it" do
    expect(verdict([11.0, 11.0])).to eq("- Goal: Penstock, 1 thread at most 2.2 times bare hyper: 2.20, reached.\n")
    expect(verdict([11.1, 11.1])).to end_with("2.22, **not reached**.\n")
  end

  it "is not judged without both servers" do
    expect(described_class.new(["penstock", 1], ["hyper", nil], 2.2).verdict(others)).to be_nil
  end
end
