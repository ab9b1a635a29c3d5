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
end
