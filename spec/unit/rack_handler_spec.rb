# frozen_string_literal: true

require "spec_helper"
require "penstock/rack_handler"

RSpec.describe Penstock::RackHandler do
  around { |example| Dir.chdir(temporary_folder) { example.run } }

  let(:launcher) { instance_double(Penstock::Launcher) }
  let(:app) { ->(_env) { [200, {}, []] } }
  let(:handler) { Module.new.extend(described_class) }

  before do
    allow(Penstock::Launcher).to receive(:new).and_return(launcher)
    allow(launcher).to(receive(:run)) { |&block| block&.call(launcher) and :drained }
  end

  it "runs the application with the options, and yields what can be stopped" do
    expect { |block| handler.run(app, Port: "80", threads: "3", &block) }.to yield_with_args(launcher)
    expect(Penstock::Launcher).to have_received(:new).with(have_attributes(port: 80, threads: 3)) { |&load| expect(load.call).to be app }
  end

  it "offers no stop!, which Sinatra would call in place of stop" do
    expect(Penstock::Launcher.public_instance_methods(false)).to contain_exactly(:run, :stop)
  end

  it "needs no block" do
    expect { handler.run(app) }.not_to raise_error
  end

  it "says which options have no effect" do
    expect { handler.run(app, thread: "3") }.to output(/\Apenstock: the option thread is unknown/).to_stderr
  end

  it "ends the process with one line and status 1 where it cannot start" do
    allow(launcher).to receive(:run).and_raise(Penstock::Error, "no")
    expect { expect { handler.run(app) }.to raise_error(SystemExit) { |e| expect(e.status).to eq 1 } }
      .to output("penstock: no\n").to_stderr
  end

  it "leaves at once after a second signal" do
    allow(launcher).to receive(:run).and_return(:cut)
    allow(Process).to receive(:exit!)
    handler.run(app)
    expect(Process).to have_received(:exit!).with(1)
  end

  it "describes its options" do
    expect(handler.valid_options).to include("Port=PORT", "threads=VALUE")
  end

  it "starts no thread when it is loaded" do
    script = 'require "penstock/rack_handler"; exit Thread.list.size'
    _, status = Process.wait2(Process.spawn(RbConfig.ruby, "-I#{ServerHelper::ROOT}/lib", "-e", script))
    expect(status.exitstatus).to eq 1
  end
end
