# frozen_string_literal: true

require_relative "../../../benchmark/lib/bench"

RSpec.describe Bench::Table do
  {
    [1_234_567, 0] => "1,234,567", [999, 0] => "999", [1234.567, 2] => "1,234.57", [-72, 0] => "-72",
    [nil, 0] => "–", [Float::NAN, 0] => "–"
  }.each do |(value, digits), text|
    it "writes #{value.inspect} with #{digits} digits as #{text}" do
      expect(described_class.number(value, digits)).to eq(text)
    end
  end

  { 0.901 => "0.90 (tie)", 1.099 => "1.10 (tie)", 0.89 => "0.89", 1.11 => "1.11", 0.31 => "0.31", nil => "–" }.each do |value, text|
    it "writes the ratio #{value.inspect} as #{text}" do
      expect(described_class.ratio(value)).to eq(text)
    end
  end

  { 4.973 => "4.97", 36.71 => "36.7", 1144.6 => "1,145", nil => "–" }.each do |value, text|
    it "gives the figure #{value.inspect} three digits" do
      expect(described_class.figure(value)).to eq(text)
    end
  end

  it "shows what should not be" do
    expect([0, 1503, nil].map { |count| described_class.failures(count) }).to eq(["0", "**1,503**", "–"])
  end
end
