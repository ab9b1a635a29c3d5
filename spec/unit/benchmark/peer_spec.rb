# frozen_string_literal: true

require "tmpdir"
require_relative "../../../benchmark/lib/bench"

RSpec.describe Bench::Peer do
  let(:penstock) { Bench::Peers["penstock"] }
  let(:plain) { Bench::Workload.new(name: "hello", title: "") }
  let(:http2) { Bench::Workload.new(name: "hello", title: "", streams: 1) }

  # With the version that its gem is loaded in, without having it.
  def with_version(name, version)
    Bench::Peers[name].dup.tap { |peer| peer.define_singleton_method(:version) { version } }
  end

  it "is named with its version, and what it runs applications on" do
    expect(Bench::Peers["hyper"].label(nil)).to eq("bare hyper")
    expect(penstock.label(1)).to eq("Penstock, 1 thread")
    expect(with_version("itsi", "0.2.27").label(5)).to eq("Itsi 0.2.27, 5 threads")
    expect(with_version("falcon", "0.57.0").label(nil)).to eq("Falcon 0.57.0, fibers")
  end

  it "is measured once where it has no pool of threads" do
    expect(penstock.thread_counts([1, 5])).to eq([1, 5])
    expect(Bench::Peers["falcon"].thread_counts([1, 5])).to eq([nil])
    expect(Bench::Peers["hyper"].thread_counts([1, 5])).to eq([nil])
  end

  it "knows which workloads it cannot speak" do
    spoken = Bench::Peers::ALL.to_h { |peer| [peer.name, peer.speaks?(http2)] }
    expect(spoken).to eq("hyper" => true, "penstock" => true, "puma" => false, "falcon" => true, "iodine" => false, "itsi" => true)
    expect(Bench::Peers::ALL).to all(be_speaks(plain))
  end

  it "can be had where its gem is loaded" do
    expect(penstock).to be_available
    expect(with_version("itsi", nil)).not_to be_available
    expect(with_version("itsi", "0.2.27")).to be_available
  end

  it "writes its command with the project's paths alone" do
    tls = ["#{Bench::ROOT}/target/certificate.pem", "#{Bench::ROOT}/target/key.pem"]
    command = penstock.to_shell(port: "PORT", threads: 5, app: "hello", tls:)
    expect(command).to end_with(
      "taskset -c 0 benchmark/env exe/penstock -q -b 'ssl://127.0.0.1:PORT?cert=target/certificate.pem&key=target/key.pem' " \
      "-t 5 -e production benchmark/apps/hello.ru"
    )
    expect(Bench::Peers["puma"].to_shell(port: "PORT", threads: 1, app: "hello")).to include("benchmark/env puma -q")
  end

  it "tells Falcon in the environment where to listen" do
    env = Bench::Peers["falcon"].env(port: 9292, app: "hello", tls: %w[certificate key])
    expect(env).to include("RACK_ENV" => "production", "BENCH_URL" => "https://127.0.0.1:9292", "BENCH_CERTIFICATE" => "certificate",
                           "BENCH_KEY" => "key")
  end

  describe "of another work tree" do
    let(:folder) { Dir.mktmpdir }
    let(:before) { Bench::Peers.baseline(folder) }

    after { FileUtils.rm_r(folder) }

    def compile
      place = File.join(folder, "lib/penstock/#{RUBY_VERSION[/\d+\.\d+/]}")
      FileUtils.mkdir_p(place)
      FileUtils.touch(File.join(place, "penstock.so"))
    end

    def commit
      git = ["git", "-C", folder, "-c", "user.name=a", "-c", "user.email=a@example.org"]
      system(*git, "init", "--quiet", exception: true)
      system(*git, "commit", "--quiet", "--allow-empty", "--no-verify", "-m", "As it was", exception: true)
    end

    it "runs that tree's program with its library, and names its commit" do
      compile
      commit
      expect(before.command(port: 1, threads: 1, app: "hello")[1, 2]).to eq(["-I#{folder}/lib", "#{folder}/exe/penstock"])
      expect(before.note).to match(/\APenstock before is the commit \h{7,} \(As it was\)\.\z/)
      expect(before.label(1)).to eq("Penstock before, 1 thread")
    end

    it "does not say where that is" do
      compile
      commit
      command = before.to_shell(port: "PORT", threads: 1, app: "hello")
      expect(command).to include("benchmark/env ruby -IDIR/lib DIR/exe/penstock -q")
      expect(command).not_to include(folder)
    end

    it "has to be compiled" do
      expect { before }.to raise_error(Bench::Error, /no Penstock that is compiled/)
    end
  end
end
