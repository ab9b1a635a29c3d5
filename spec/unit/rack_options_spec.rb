# frozen_string_literal: true

require "spec_helper"
require "penstock/rack_options"

RSpec.describe Penstock::RackOptions do
  around { |example| Dir.chdir(temporary_folder) { example.run } }

  let(:rackup) { { environment: "development", pid: nil, Port: 9292, Host: "localhost", AccessLog: [], config: "/app/config.ru" } }
  let(:rails) do
    rackup.merge(user_supplied_options: [], Port: 3000, server: "penstock", log_stdout: true, DoNotReverseLookup: true,
                 daemonize: false, pid: "/app/tmp/pids/server.pid", caching: nil, restart_cmd: "…", early_hints: nil)
  end

  def settings(options, env: {}) = described_class.new(options).configuration(env: env).settings

  def places(options, **rest) = settings(options, **rest).binds.map(&:to_s) - ["tcp://[::1]:3000", "tcp://[::1]:9292"]

  def file(source)
    FileUtils.mkdir_p("config")
    File.write("config/penstock.rb", source)
  end

  describe "what rackup takes by itself" do
    it "is the default" do
      expect(places(rackup)).to eq %w[tcp://127.0.0.1:9292]
    end

    it "comes after a configuration file" do
      file("bind 'unix:///a'")
      expect(places(rackup)).to eq %w[unix:///a]
    end

    it "comes after the environment" do
      expect(places(rackup, env: { "PORT" => "3000" })).to eq %w[tcp://127.0.0.1:3000]
    end

    it "is all addresses of both families outside of development" do
      production = rackup.merge(environment: "production", Host: "0.0.0.0")
      expect(places(production)).to eq(%w[tcp://0.0.0.0:9292 tcp://[::]:9292]).or eq(%w[tcp://0.0.0.0:9292])
    end
  end

  describe "what was given" do
    before { file("bind 'unix:///a'\nthreads 2\nenvironment 'staging'") }

    {
      "a port" => [{ Port: "3000" }, %w[tcp://127.0.0.1:3000]],
      "rackup's own port" => [{ Port: "9292" }, %w[tcp://127.0.0.1:9292]],
      "a host" => [{ Host: "192.0.2.1" }, %w[tcp://192.0.2.1:9292]],
      "a host and a port" => [{ Host: "0.0.0.0", Port: "80" }, %w[tcp://0.0.0.0:80]],
      "a host of IPv6" => [{ Host: "::1", Port: "80" }, %w[tcp://[::1]:80]],
      "a host of IPv6 in brackets" => [{ Host: "[::1]", Port: "80" }, %w[tcp://[::1]:80]],
      "a path" => [{ Host: "/run/app.sock" }, %w[unix:///run/app.sock]],
      "a URL" => [{ Host: "unix:///run/app.sock?mode=600" }, %w[unix:///run/app.sock]]
    }.each do |name, (options, urls)|
      it("goes before the file: #{name}") { expect(places(rackup.merge(options))).to eq urls }
    end

    it "goes before the file: the environment, for which the application has been loaded" do
      expect(settings(rackup).environment).to eq "development"
    end

    it "goes before the file: -O" do
      expect(settings(rackup.merge(threads: "7")).threads).to eq 7
    end
  end

  describe "Rails" do
    it "counts as its default what no person gave" do
      expect(places(rails)).to eq %w[tcp://127.0.0.1:3000]
      file("port 9292")
      expect(places(rails)).to eq %w[tcp://127.0.0.1:9292]
    end

    it "says what a person gave" do
      file("port 9292")
      expect(places(rails.merge(user_supplied_options: [:Port]))).to eq %w[tcp://127.0.0.1:3000]
      expect(places(rails.merge(user_supplied_options: [:Host], Host: "0.0.0.0"))).to eq %w[tcp://0.0.0.0:3000]
      expect(places(rails.merge(user_supplied_options: %i[Host Port], Host: "0.0.0.0", Port: 80))).to eq %w[tcp://0.0.0.0:80]
    end
  end

  describe "Sinatra" do
    it "gives its port" do
      expect(places({ Port: 3000, Host: "localhost" })).to eq %w[tcp://127.0.0.1:3000]
      expect(places({ Port: 4567, Host: "0.0.0.0" })).to eq %w[tcp://0.0.0.0:4567]
    end
  end

  describe "-O" do
    {
      { Threads: "0:16" } => { threads: 16 },
      { Silent: true } => { quiet: true },
      { Verbose: true } => { access_log: true },
      { quiet: true } => { quiet: true },
      { early_hints: true } => { early_hints: true },
      { drain_timeout: "1.5" } => { drain_timeout: 1.5 },
      { write_timeout: "nil" } => { write_timeout: nil },
      { bind: "unix:///a" } => { bind: ["unix:///a"] },
      { slow_consumer: "raise" } => { slow_consumer: :raise },
      { request_buffering: "false" } => { request_buffering: false }
    }.each do |options, values|
      it("takes #{options}") { expect(settings(rackup.merge(options)).to_h).to include values }
    end

    it "names the option of a value that it refuses" do
      expect { settings(rackup.merge(threads: true)) }
        .to raise_error(Penstock::ConfigurationError, /\Athreads: expected .*not true \(given by option threads\)\z/)
    end

    it "names another configuration file" do
      File.write("other.rb", "threads 9")
      expect(settings(rackup.merge(config_file: "other.rb")).threads).to eq 9
    end
  end

  it "warns of what nobody knows, and of nothing that rackup and Rails pass" do
    expect([rackup, rails].flat_map { |options| described_class.new(options).warnings }).to eq []
    expect(described_class.new(rackup.merge(thread: "3")).warnings)
      .to eq ["the option thread is unknown and has no effect; rackup -s penstock -h lists the options"]
  end

  it "describes each option that has an effect" do
    expect(described_class.descriptions).to include(
      "Host=HOST" => a_kind_of(String), "Port=PORT" => a_kind_of(String), "threads=VALUE" => /\AThreads/
    )
    expect(described_class.descriptions.keys).not_to include(/worker/)
  end
end
