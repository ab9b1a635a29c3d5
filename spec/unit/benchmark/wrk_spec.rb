# frozen_string_literal: true

require_relative "../../../benchmark/lib/bench"

RSpec.describe Bench::Wrk do
  def workload(post: nil) = Bench::Workload.new(name: "hello", title: "", post:)

  it "asks with GET, and tells the script of a POST how long its body is" do
    expect(described_class.to_shell(workload, 5)).to end_with("-s benchmark/wrk.lua http://127.0.0.1:PORT/")
    expect(described_class.to_shell(workload(post: "é" * 500), 5)).to end_with("http://127.0.0.1:PORT/ -- 1000")
  end
end
