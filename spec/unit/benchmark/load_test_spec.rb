# frozen_string_literal: true

require_relative "../../../benchmark/lib/bench"

RSpec.describe Bench::LoadTest do
  it "says in one line that its application cannot be had" do
    workload = Bench::Workload.new(name: "rails", title: "a page", gems: %w[rack nowhere])
    text = described_class.new(workload, instance_double(Bench::Options)).run.text
    expect(text).to eq("Not here: it needs rack and nowhere, of which this Ruby cannot have all.\n")
  end
end
