# frozen_string_literal: true

require_relative "../../../benchmark/lib/bench"

RSpec.describe Bench::Contestant do
  let(:workload) { Bench::Workload.new(name: "hello", title: "", app: "hello", streams: 1, tls: true) }

  def contestant(name, beside: nil) = described_class.new(Bench::Peers[name], 1, workload, beside:)

  # A round in which so many answers were no success.
  def result(status)
    Bench::Wrk::Result.new(requests: 100, seconds: 1.0, bytes: 100, connect: 0, read: 0, write: 0, status:, timeout: 0)
  end

  it "is a rival of Penstock while it answers as it has to" do
    puma = contestant("puma")
    puma.results << result(0)
    expect(puma).to be_rival
    puma.results << result(1)
    expect(puma).to have_attributes(rival?: false, errors: 1, failures: { "with a status above 399" => 1 })
  end

  it "is none where it is Penstock, bare hyper, or there to be compared with itself" do
    expect([contestant("penstock"), contestant("hyper"), contestant("puma", beside: "without TLS")]).to all(have_attributes(rival?: false))
  end

  it "takes what keeps it from being measured for its fault" do
    failing = Class.new { def self.run(*) = raise(Bench::Error, "the client\nfailed") }
    broken = described_class.new(Bench::Peers["puma"], 1, workload.dup.tap { |one| one.tool = failing })
    broken.instance_variable_set(:@server, Struct.new(:port, :tree).new(1, Struct.new(:cpu).new(0)))
    broken.turn(1)
    expect(broken).to have_attributes(fault: "the client failed", rival?: false)
  end

  it "is asked over TLS with a certificate, and beside that without one" do
    expect(contestant("puma").options[:tls].map { |path| File.basename(path) }).to eq(%w[certificate.pem key.pem])
    plain = described_class.new(Bench::Peers["puma"], 1, workload.plaintext, beside: "without TLS")
    expect(plain).to have_attributes(label: /1 thread, without TLS\z/, options: include(tls: nil, http2: true))
  end
end
