# frozen_string_literal: true

require "json"
require "rack"
require_relative "../../../benchmark/lib/bench"

RSpec.describe Bench::Workloads do
  # What the application of a workload answers, as it is without a server.
  def answer(name)
    workload = described_class::ALL.find { |one| one.name == name }
    app, = Rack::Builder.parse_file(File.join(Bench::ROOT, "benchmark/apps/#{workload.app}.ru"))
    Rack::MockRequest.new(app).request(workload.post ? "POST" : "GET", "/", input: workload.post.to_s).then do |response|
      [response.body, Integer(response["content-length"], 10), workload.body]
    end
  end

  %w[json body_10k post_1k post_1m file_1m].each do |name|
    it "expects of #{name} what its application answers" do
      body, length, expected = answer(name)
      expect(body == expected).to be(true)
      expect(length).to eq(expected.bytesize)
    end
  end

  it "has an application for each, and so have the tests that are no load test" do
    others = [*Bench::StreamsTest::KINDS.values, *Bench::Scenarios::ALL.values]
    files = [*described_class::ALL, *others].map { |test| Bench::Peers::APP[test.app] }
    expect(files).to all(satisfy { |file| File.exist?(file) })
  end

  it "tells one line of a large body from the other" do
    lines = described_class::MIDDLE.lines
    expect(lines).to eq(lines.uniq).and(all(have_attributes(bytesize: 8)))
  end
end
