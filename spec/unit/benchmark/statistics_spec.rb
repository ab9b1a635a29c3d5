# frozen_string_literal: true

require_relative "../../../benchmark/lib/bench"

RSpec.describe Bench::Statistics do
  it "takes the middle of an odd number and the mean of two in an even one" do
    expect(described_class.median([9, 1, 5])).to eq(5.0)
    expect(described_class.median([9, 1, 5, 7])).to eq(6.0)
  end

  it "takes the median of the ratios, not the ratio of the medians" do
    expect(described_class.paired_ratio([10, 40, 90], [10, 20, 30])).to eq(2.0)
  end

  it "has no ratio where rounds are missing" do
    expect(described_class.paired_ratio([], [])).to be_nil
    expect(described_class.paired_ratio([1, 2], [1])).to be_nil
  end

  it "has an interval that leaves the median out in less than one case of twenty" do
    # From a table of the sign test: of 15 the fourth from both ends (3.5%), of 6 the first (3.1%).
    expect(described_class.interval((1..15).to_a.shuffle)).to eq([4, 12])
    expect(described_class.interval((1..25).to_a)).to eq([8, 18])
    expect(described_class.interval((1..6).to_a)).to eq([1, 6])
  end

  it "has none for so few values that each interval leaves it out more often" do
    expect(described_class.interval([1, 2, 3, 4, 5])).to be_nil
    expect(described_class.interval([])).to be_nil
  end
end
