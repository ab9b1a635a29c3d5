# frozen_string_literal: true

require_relative "../../../benchmark/lib/bench"

RSpec.describe Bench::LoadTable do
  let(:workload) { Bench::Workload.new(name: "hello", title: "", rate: 2000) }
  let(:options) { instance_double(Bench::Options, peers: Bench::Peers::ALL) }

  def result = Bench::Wrk::Result.new(requests: 100, seconds: 2.0, connect: 0, read: 0, write: 0, status: 0, timeout: 0, p99: 0.005)

  # A contestant that has had its turns.
  def measured(name, threads, cpu, requests: 1000)
    contestant = Bench::Contestant.new(Bench::Peers[name], threads, workload)
    contestant.cpu.concat(cpu)
    contestant.results.concat([result] * cpu.size)
    latency = { requests:, failures: 0, answer_p50: 0.2, answer_p99: 1.5, answer_p999: 9.25 }
    allow(contestant).to receive_messages(latency:, resident: 41_200_000)
    contestant
  end

  def cells(*contestants)
    described_class.new(workload, contestants, options).to_s.lines.map { |line| line.delete_prefix("| ").chomp(" |\n").split(" | ") }
  end

  it "has latency at a fixed rate, where enough answers have come for it" do
    heads, _rule, first, second = cells(measured("penstock", 1, [10.0, 12.0]), measured("puma", 1, [20.0, 24.0], requests: 999))
    expect(heads.last(6)).to eq(["requests/s", "p50 ms at 2,000/s", "p99", "p99.9", "resident MB", "errors"])
    expect(first.last(6)).to eq(["50", "0.20", "1.50", "9.25", "41", "0"])
    expect(second.last(6)).to eq(["50", "0.20", "1.50", "–", "41", "0"])
  end

  it "says that what it has is of a closed loop where there is no rate" do
    workload.rate = nil
    heads, _rule, row = cells(measured("penstock", 1, [10.0]))
    expect(heads.zip(row)).to include(["p99 ms, closed loop", "5.00"])
  end

  it "compares each server with those that have as many threads" do
    heads, _rule, *rows = cells(measured("hyper", nil, [5.0]), measured("penstock", 5, [10.0]), measured("puma", 1, [9.0]),
                                measured("puma", 5, [10.5]))
    penstock = heads.zip(rows[1]).to_h
    expect(penstock).to include("to bare hyper" => "2.00", "to Puma" => "0.95 (tie)", "to the best of the others" => "0.95 (tie)")
    expect(heads.zip(rows[3]).to_h).to include("to the best of the others" => "–")
  end

  it "puts what is wrong into the place of the figures" do
    puma = measured("puma", 1, [1.0])
    allow(puma).to receive(:fault).and_return("answers 503")
    _heads, _rule, row = cells(puma)
    expect(row).to eq([puma.label, "**answers 503**", *["–"] * 10])
  end
end
