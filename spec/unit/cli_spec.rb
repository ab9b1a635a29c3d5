# frozen_string_literal: true

require "spec_helper"
require "stringio"
require "penstock/cli"
require "penstock/launcher"

RSpec.describe Penstock::CLI do
  around { |example| Dir.chdir(temporary_folder) { example.run } }

  let(:out) { StringIO.new }
  let(:err) { StringIO.new }
  let(:env) { {} }

  def run(*arguments) = described_class.run(arguments, out: out, err: err, env: env)

  # What `--check` says about one setting: its value and where it came from.
  def check(name, *arguments)
    expect(run(*arguments, "--check")).to eq 0
    out.string.lines(chomp: true).find { |line| line.start_with?("#{name} ") }.split(/ {2,}/).drop(1)
  end

  describe "flags" do
    {
      %w[-b unix:///a --bind unix:///b] => [:bind, '["unix:///a", "unix:///b"]', "--bind"],
      %w[-p 80] => [:port, "80", "--port"],
      %w[--port=80] => [:port, "80", "--port"],
      %w[-t 3] => [:threads, "3", "--threads"],
      %w[--threads 1:8] => [:threads, "8", "--threads"],
      %w[-w 0] => [:workers, "0", "--workers"],
      %w[-e staging] => [:environment, '"staging"', "--environment"],
      %w[-q] => [:quiet, "true", "--quiet"],
      %w[--debug] => [:debug, "true", "--debug"],
      %w[--log-level warn] => [:log_level, ":warn", "--log-level"],
      %w[--access-log] => [:access_log, "true", "--access-log"],
      %w[--access-log log/a.log] => [:access_log, '"log/a.log"', "--access-log"],
      %w[--access-log config.ru] => [:access_log, "true", "--access-log"],
      %w[--tls-dev] => [:tls_dev, "true", "--tls-dev"],
      %w[--pidfile a.pid] => [:pidfile, '"a.pid"', "--pidfile"]
    }.each do |arguments, (name, value, source)|
      it("takes #{arguments.join(" ")}") { expect(check(name, *arguments)).to eq [value, source] }
    end

    it "takes another configuration file" do
      File.write("other.rb", "threads 7")
      expect(check(:threads, "-C", "other.rb")).to eq ["7", "other.rb:1"]
    end
  end

  {
    %w[--no-such] => "penstock: invalid option: --no-such; penstock --help lists the options\n",
    %w[--port] => "penstock: missing argument: --port; penstock --help lists the options\n",
    %w[-p http] => "penstock: port: expected a port from 0 to 65535, not \"http\" (given by --port)\n",
    %w[-w 2] => "penstock: workers: 2 needs a cluster, which this version does not have; leave the setting out (given by --workers)\n",
    %w[-b 0.0.0.0:80] => "penstock: bind 0.0.0.0:80: write it as tcp://HOST:PORT, ssl://HOST:PORT?cert=PATH&key=PATH, " \
                         "unix:///PATH or fd://N (given by --bind)\n",
    %w[-C no.rb] => "penstock: cannot read the configuration file no.rb; name one that exists with -C\n",
    %w[a.ru b.ru] => "penstock: b.ru is one argument too many; penstock takes one config.ru\n"
  }.each do |arguments, line|
    it "refuses #{arguments.join(" ")} with one line and status 1" do
      expect([run("--check", *arguments), err.string, out.string]).to eq [1, line, ""]
    end
  end

  it "shows backtraces with --debug alone" do
    run("-p", "x", "--check", "--debug")
    expect(err.string).to match(/\Apenstock: port: .*\n.*setting_type\.rb/m)
  end

  it "prints the version" do
    expect([run("-v"), out.string]).to eq [0, "Penstock #{Penstock::VERSION}\n"]
    expect(run("--version")).to eq 0
  end

  it "prints every flag with what it does" do
    expect(run("-h")).to eq 0
    expect(out.string).to include("-b, --bind URL", "-p, --port N", "-t, --threads N", "-w, --workers N", "-e, --environment NAME",
                                  "-C, --config FILE", "-q, --quiet", "--log-level LEVEL", "--access-log [FILE]",
                                  "--pidfile FILE", "--tls-dev", "--debug", "--check", "-v, --version", "-h, --help")
  end

  describe "serving" do
    let(:launcher) { instance_double(Penstock::Launcher, run: :drained) }

    before { allow(Penstock::Launcher).to receive(:new).and_return(launcher) }

    it "is what it does by itself, with the settings and status 0 after a drain" do
      expect(run("-t", "3")).to eq 0
      expect(Penstock::Launcher).to have_received(:new).with(have_attributes(threads: 3), out: out, err: err)
    end

    it "loads the config.ru that is named, or that of the folder" do
      loaded = []
      allow(Penstock::Launcher).to receive(:new) do |*, **, &load|
        load.call
        launcher
      end
      allow(Penstock::RackApplication).to receive(:load) { |path| loaded << path }
      [[], ["a.ru"], ["--access-log", "b.ru"]].each { |arguments| run(*arguments) }
      expect(loaded).to eq %w[config.ru a.ru b.ru]
    end

    it "tells the application its environment, also the one of Rails where that is set" do
      run("-e", "staging")
      expect(env).to eq "RACK_ENV" => "staging"
      env["RAILS_ENV"] = "production"
      run("-e", "staging")
      expect(env).to eq "RACK_ENV" => "staging", "RAILS_ENV" => "staging"
    end

    it "leaves no sockets to the children of the application" do
      env.merge!("LISTEN_PID" => Process.pid.to_s, "LISTEN_FDS" => "1")
      run
      expect(Penstock::Launcher).to have_received(:new).with(have_attributes(bind: ["fd://3"]), any_args)
      expect(env.keys).to eq ["RACK_ENV"]
    end

    it "is one line and status 1 where it cannot start" do
      allow(launcher).to receive(:run).and_raise(Penstock::Error, "there is no config.ru")
      expect([run, err.string]).to eq [1, "penstock: there is no config.ru\n"]
    end

    it "ends quietly on Ctrl-C before it serves" do
      allow(launcher).to receive(:run).and_raise(Interrupt)
      expect([run, err.string]).to eq [130, ""]
    end

    it "leaves without the exit hooks of the application after a second signal" do
      allow(launcher).to receive(:run).and_return(:cut)
      allow(Process).to receive(:exit!)
      run
      expect(Process).to have_received(:exit!).with(1)
    end
  end
end
