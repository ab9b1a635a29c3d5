# frozen_string_literal: true

require_relative "../../../benchmark/lib/bench"

RSpec.describe Bench::ScenarioRun do
  let(:run) do
    described_class.new("Penstock, 5 threads").tap do |run|
      run.add("open", { clients: 10 }, 500)
      run.add("broadcast", { deliveries: 10, strays: 0, lag_max: 4.0 }, 100_000)
      run.add("broadcast", { deliveries: 30, strays: 2, lag_max: 8.0 }, 300_000)
    end
  end

  it "sums and takes the middle over the phases of one name" do
    expect(run.sum("broadcast", :strays)).to eq(2)
    expect(run.median("broadcast", :lag_max)).to eq(6.0)
  end

  it "divides their CPU by what was done in them" do
    expect(run.cpu("broadcast", :deliveries)).to eq(10.0)
    expect(run.cpu("broadcast", :strays)).to eq(200.0)
  end

  it "has no figure where nothing was measured" do
    run.add("rate", { answer_p99: nil, requests: 0 }, 100)
    expect(run.median("rate", :answer_p99)).to be_nil
    expect(run.cpu("rate", :requests)).to be_nil
  end
end
