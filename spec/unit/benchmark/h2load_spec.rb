# frozen_string_literal: true

require "tmpdir"
require_relative "../../../benchmark/lib/bench"

RSpec.describe Bench::H2load do
  let(:folder) { Dir.mktmpdir }
  let(:workload) { Bench::Workload.new(name: "hello", title: "", connections: 1, streams: 1) }

  after { FileUtils.rm_r(folder) }

  # Runs it with a script in the place of h2load.
  def run(script)
    path = File.join(folder, "h2load")
    File.write(path, "#!/bin/sh\n#{script}\n", perm: 0o700)
    before = ENV.fetch("PATH")
    ENV["PATH"] = "#{folder}:#{before}"
    described_class.run(1, workload, 1)
  ensure
    ENV["PATH"] = before
  end

  it "does not wait for one that waits for ever" do
    stub_const("Bench::H2load::PATIENCE", 0)
    stub_const("Bench::Server::CLIENT_CORE", 0)
    expect { run("exec sleep 20") }.to raise_error(Bench::Error, "leaves h2load waiting")
  end

  it "tells what it said where that is no result" do
    stub_const("Bench::Server::CLIENT_CORE", 0)
    expect { run("echo no route; exit 1") }.to raise_error(Bench::Error, "h2load did not run: no route")
  end
end
