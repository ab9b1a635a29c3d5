# frozen_string_literal: true

require "spec_helper"
require "stringio"
require "penstock/launcher"
require "penstock/settings"

RSpec.describe Penstock::Launcher do
  # Stands in for the server: notes what it is told, and drains when the spec lets it.
  let(:server_class) do
    Class.new do
      class << self
        attr_accessor :refuses, :refuses_certificates
      end

      attr_reader :calls, :app, :settings, :gate

      def initialize(app, **settings)
        @app = app
        @settings = settings
        @calls = Thread::Queue.new
        @gate = Thread::Queue.new
        @stopped = Thread::Queue.new
      end

      def start
        raise self.class.refuses if self.class.refuses

        @calls << :start
      end

      def urls = %w[http://127.0.0.1:1 http://[::1]:1]

      def stop
        @calls << :stop
        @gate.pop
        @stopped.close
      end

      def stop!
        @calls << :stop!
        @stopped.close
      end

      def wait = @stopped.pop

      def reopen_logs = @calls << :reopen_logs

      def reload_certificates
        @calls << :reload_certificates
        raise Penstock::ConfigurationError, "the certificate is bad" if self.class.refuses_certificates
      end
    end
  end

  let(:out) { StringIO.new }
  let(:err) { StringIO.new }
  let(:app) { ->(_env) { [200, {}, []] } }
  let(:options) { {} }
  let(:launcher) { described_class.new(Penstock::Settings.new(**options), out: out, err: err) { app } }
  # The server of the launcher, once it is there.
  let(:server) { launcher.instance_variable_get(:@server) }

  before { stub_const("Penstock::Server", server_class) }

  # Runs the launcher, with what the block does while it serves.
  # @return [Array] the outcome of the run, and what the server was told
  def run(&block)
    helper = nil
    outcome = launcher.run { helper = Thread.new(&block) }
    helper.join
    [outcome, Array.new(server.calls.size) { server.calls.pop }]
  end

  # Stops the launcher and lets its server drain.
  def stop_and_finish
    launcher.stop
    server.gate << :go
  end

  def kill(name) = Process.kill(name, Process.pid)

  it "gives the server the application and every setting" do
    run { stop_and_finish }
    expect(server.app).to be app
    expect(server.settings).to eq Penstock::Settings.new.to_h
  end

  it "drains when it is stopped" do
    expect(run { stop_and_finish }).to eq [:drained, %i[start stop]]
  end

  it "drains once, however often it is stopped" do
    expect(run { 2.times { launcher.stop } && stop_and_finish }).to eq [:drained, %i[start stop]]
  end

  it "ends when the server was stopped by the application" do
    expect(run { (server.gate << :go) && server.stop }).to eq [:drained, %i[start stop]]
  end

  it "may be stopped inside a trap" do
    before = Signal.trap("ALRM") { launcher.stop }
    expect(run { kill("ALRM") && (server.gate << :go) }).to eq [:drained, %i[start stop]]
  ensure
    Signal.trap("ALRM", before)
  end

  %w[INT TERM].each do |name|
    it "drains on SIG#{name}" do
      expect(run { kill(name) && (server.gate << :go) }).to eq [:drained, %i[start stop]]
    end

    it "ends at once on a second signal that is SIG#{name}" do
      outcome = run do
        kill("TERM")
        eventually { server.calls.size == 2 }
        kill(name)
      end
      expect(outcome).to eq [:cut, %i[start stop stop!]]
      server.gate << :go
    end
  end

  it "counts one signal where a framework's trap stops it and then calls the trap that it replaced" do
    outcome = launcher.run do |running|
      replaced = Signal.trap("INT") do
        running.stop
        replaced.call
      end
      server.gate << :go
      kill("INT")
    end
    expect(outcome).to eq :drained
  end

  it "reopens logs and reads certificates again on SIGHUP, and goes on" do
    outcome = run do
      kill("HUP")
      eventually { server.calls.size == 3 }
      stop_and_finish
    end
    expect(outcome).to eq [:drained, %i[start reopen_logs reload_certificates stop]]
    expect(err.string).to eq ""
  end

  it "says in one line which certificate it cannot use, and goes on" do
    server_class.refuses_certificates = true
    outcome = run do
      kill("HUP")
      eventually { !err.string.empty? }
      stop_and_finish
    end
    expect(outcome).to eq [:drained, %i[start reopen_logs reload_certificates stop]]
    expect(err.string).to eq "penstock: the certificates in force stay: the certificate is bad\n"
  end

  %w[USR1 USR2].each do |name|
    it "says that SIG#{name} is kept for restarts, and goes on" do
      run do
        kill(name)
        eventually { !err.string.empty? }
        stop_and_finish
      end
      expect(err.string).to eq "SIG#{name} is kept for restarts, which this version does not have\n"
    end
  end

  describe "what it says" do
    def lines
      run { stop_and_finish }
      out.string.lines(chomp: true)
    end

    it "is where it listens, and when it stops" do
      expect(lines).to match [
        a_string_starting_with("Penstock #{Penstock::VERSION}, Ruby #{RUBY_VERSION}").and(end_with(", 5 threads, development")),
        "Listening on http://127.0.0.1:1", "Listening on http://[::1]:1",
        "Stopping (stop was called): 2 s for what is under way", "Stopped"
      ]
    end

    it "is how to trust the certificate of tls_dev, before where it listens" do
      options[:tls_dev] = true
      expect(lines[1..2]).to eq [Penstock::DevelopmentCertificate.advice, "Listening on http://127.0.0.1:1"]
    end

    it "counts one thread, and names no limit that is not there" do
      options.merge!(threads: 1, drain_timeout: nil)
      expect(lines).to include(/, 1 thread, /, "Stopping (stop was called)")
    end

    it "is nothing with quiet" do
      options[:quiet] = true
      expect(lines).to eq []
    end
  end

  describe "when it cannot start" do
    it "says what to do about a place that is taken" do
      server_class.refuses = Errno::EADDRINUSE.new("127.0.0.1:80")
      expect { launcher.run }
        .to raise_error(Penstock::Error, "cannot start: Address already in use - 127.0.0.1:80; choose another place with -b or -p")
    end

    it "passes on what the server says" do
      server_class.refuses = Penstock::Error.new("no")
      expect { launcher.run }.to raise_error(Penstock::Error, "no")
    end
  end

  it "ends the server when an error comes out of the block" do
    expect { launcher.run { raise IOError } }.to raise_error(IOError)
    expect(Array.new(2) { server.calls.pop }).to eq %i[start stop!]
  end

  it "raises what the drain raised, and ends the server" do
    failure = Class.new(StandardError)
    server_class.define_method(:stop) { raise failure }
    expect { launcher.run(&:stop) }.to raise_error(failure)
    expect(Array.new(2) { server.calls.pop }).to eq %i[start stop!]
  end

  it "has a pidfile while it serves" do
    path = options[:pidfile] = File.join(temporary_folder, "pid")
    content = nil
    run do
      content = File.read(path)
      stop_and_finish
    end
    expect(content).to eq "#{Process.pid}\n"
    expect(File).not_to exist(path)
  end
end
