# frozen_string_literal: true

require_relative "../../../benchmark/lib/bench"

RSpec.describe Bench::Options do
  def options(*arguments) = described_class.new(arguments)

  it "knows each test by a name of its own, and tells what it is" do
    expect(described_class.names).to include("hello_tls", "handshakes", "full_hijack_http2", "idle_tls", "idle_http2", "sse", "cable",
                                             "threads", "hello_rates", "idle_streams", "soak")
      .and(eq(described_class.names.uniq))
    expect(described_class.titles.keys).to eq(described_class.names)
    expect(described_class.titles.values).to all(match(/\S/))
  end

  it "repeats the command of a test without where its results go" do
    expect(options("hello", "sleep", "--rounds", "1", "--output", "-").command("sleep")).to eq("bin/bench sleep --rounds 1")
    expect(options("--quick", "--output=a.md").command("hello")).to eq("bin/bench hello --quick")
  end

  it "takes more rounds where a goal can be judged by nothing less, unless it is told how many" do
    expect([options.rounds, options.rounds(close: true)]).to eq([7, 15])
    expect([options("--quick").rounds(close: true), options("--rounds", "2").rounds(close: true)]).to eq([3, 2])
  end

  it "takes the numbers of threads that a workload's goals are about, unless it is told which" do
    hello, json, rails = %w[hello json rails].map { |name| Bench::Workloads::ALL.find { |workload| workload.name == name } }
    expect([hello, json, rails].map { |workload| options.threads_of(workload) }).to eq([[1, 5], [5], [5]])
    expect([hello, json].map { |workload| options("--threads", "1,2").threads_of(workload) }).to eq([[1, 2], [1, 2]])
    expect(options("--quick").threads_of(hello)).to eq([5])
  end

  it "looks quickly at some tests with one number of threads, and at those that are named" do
    quick = options("--quick")
    expect(quick).to have_attributes(tests: described_class::QUICK_TESTS, threads: [5], output: nil)
    expect(options("--quick", "sleep", "--threads", "1,2")).to have_attributes(tests: %w[sleep], threads: [1, 2])
    expect(options).to have_attributes(tests: described_class.names, threads: [1, 5])
  end

  it "leaves out servers that cannot be had" do
    allow(Bench::Peers["itsi"]).to receive(:version).and_return(nil)
    expect(options.peers.map(&:name)).to include("hyper", "penstock", "puma").and(satisfy { |names| !names.include?("itsi") })
    expect(options("--peers", "itsi,penstock").peers.map(&:name)).to eq(%w[penstock])
    expect { options("--peers", "itsi") }.to raise_error(Bench::Error, "itsi cannot be had on this Ruby")
    expect(options.left_out.map(&:name)).to include("itsi")
  end

  it "takes no server that there is not" do
    expect { options("--peers", "apache") }.to raise_error(Bench::Error, /there is no server "apache"/)
  end

  it "puts the Penstock of another work tree behind the one of this, and does not say where that lies" do
    before = Bench::Peers["penstock"].dup.tap { |peer| peer.name = Bench::Peers::BASELINE }
    before.note = "Penstock before is the commit abc."
    allow(Bench::Peers).to receive(:baseline).with("../old").and_return(before)
    chosen = options("hello", "--baseline", "../old", "--peers", "hyper,penstock,puma")
    expect(chosen.peers.map(&:name)).to eq(%w[hyper penstock penstock-before puma])
    expect(chosen.command("hello")).to eq("bin/bench hello --baseline DIR --peers hyper,penstock,puma")
    expect(chosen.notes).to eq(["Penstock before is the commit abc.\n"])
  end
end
