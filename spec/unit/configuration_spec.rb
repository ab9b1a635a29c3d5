# frozen_string_literal: true

require "spec_helper"
require "penstock/configuration"

RSpec.describe Penstock::Configuration do
  around { |example| Dir.chdir(temporary_folder) { example.run } }

  def file(path, source)
    FileUtils.mkdir_p(File.dirname(path))
    File.write(path, source)
  end

  def given(values) = values.transform_values { |value| Penstock::Given.new(value, "test") }

  def configuration(flags: {}, env: {}, fallback: {}, **options)
    described_class.new(flags: given(flags), env: env, fallback: given(fallback), **options)
  end

  describe "precedence" do
    # Each row takes away the first place of the row before.
    places = {
      flags: { threads: 1 }, named: "threads 2", environment_file: "threads 2", file: "threads 3",
      env: { "RAILS_MAX_THREADS" => "4" }, fallback: { threads: 6 }
    }
    rows = {
      "a flag" => [%i[flags environment_file file env fallback], 1, "test"],
      "the file of the environment" => [%i[environment_file file env fallback], 2, "config/penstock/development.rb:1"],
      "config/penstock.rb" => [%i[file env fallback], 3, "config/penstock.rb:1"],
      "the environment" => [%i[env fallback], 4, "RAILS_MAX_THREADS"],
      "a framework's default" => [%i[fallback], 6, "test"],
      "the default" => [[], 5, "default"]
    }
    rows.each do |first, (present, value, source)|
      it "begins with #{first} where nothing stands before it" do
        file("config/penstock/development.rb", places[:environment_file]) if present.include?(:environment_file)
        file("config/penstock.rb", places[:file]) if present.include?(:file)
        found = configuration(**places.slice(:flags, :env, :fallback).slice(*present))
        expect([found.settings.threads, found.source(:threads)]).to eq [value, source]
      end
    end
  end

  describe "environment variables" do
    {
      { "PORT" => "80" } => { port: 80 },
      { "BIND" => "unix:///a" } => { bind: ["unix:///a"] },
      { "RAILS_MAX_THREADS" => "3" } => { threads: 3 },
      { "WEB_CONCURRENCY" => "0" } => { workers: 0 },
      { "RACK_ENV" => "staging" } => { environment: "staging" },
      { "RAILS_ENV" => "staging" } => { environment: "staging" },
      { "RACK_ENV" => "one", "RAILS_ENV" => "two" } => { environment: "one" },
      { "PORT" => "" } => { port: 9292 }
    }.each do |env, values|
      it("takes #{env.inspect}") { expect(configuration(env: env).settings.to_h).to include values }
    end

    it "names the variable of a value that it refuses" do
      expect { configuration(env: { "WEB_CONCURRENCY" => "2" }).settings }
        .to raise_error(Penstock::ConfigurationError, /\Aworkers: 2 needs a cluster.* \(given by WEB_CONCURRENCY\)\z/)
    end
  end

  describe "files" do
    it "names the line of a value that it refuses" do
      file("config/penstock.rb", "\nthreads 'many'")
      expect { configuration.settings }
        .to raise_error(Penstock::ConfigurationError, %r{\Athreads: expected .* \(given by config/penstock\.rb:2\)\z})
    end

    it "takes the environment's name from the first file for the second" do
      file("config/penstock.rb", "environment 'staging'")
      file("config/penstock/staging.rb", "threads 7")
      found = configuration(env: { "RACK_ENV" => "production" })
      expect(found.settings.to_h).to include(environment: "staging", threads: 7)
      expect(found.files).to eq %w[config/penstock.rb config/penstock/staging.rb]
    end

    it "takes the environment's name from a flag before the first file" do
      file("config/penstock.rb", "environment 'staging'")
      file("config/penstock/production.rb", "threads 7")
      expect(configuration(flags: { environment: "production" }).settings.threads).to eq 7
    end

    it "reads the one that is named and no other" do
      file("config/penstock.rb", "threads 3")
      file("other.rb", "port 80")
      found = configuration(file: "other.rb")
      expect([found.files, found.settings.port, found.settings.threads]).to eq [["other.rb"], 80, 5]
    end
  end

  describe "the place to listen" do
    def places(**options)
      configuration(**options).settings.binds.map(&:to_s)
    end

    it "is the port of a flag in place of what a file binds" do
      file("config/penstock.rb", "bind 'unix:///a'")
      expect(places(flags: { port: 0 })).to eq %w[tcp://127.0.0.1:0]
    end

    it "is the bind of a file in place of PORT" do
      file("config/penstock.rb", "bind 'unix:///a'")
      expect(places(env: { "PORT" => "80" })).to eq %w[unix:///a]
    end

    it "is both where one place gives both" do
      file("config/penstock.rb", "port 0\nbind 'unix:///a'")
      found = configuration(env: { "PORT" => "80" })
      expect(found.settings.binds.map(&:to_s)).to eq %w[unix:///a tcp://127.0.0.1:0]
      expect(found.source(:bind)).to eq "config/penstock.rb:2, config/penstock.rb:1"
    end

    it "is the port with TLS beside a bind, with tls_dev" do
      file("config/penstock.rb", "port 0\nbind 'unix:///a'\ntls_dev")
      expect(places).to eq %w[unix:///a ssl://127.0.0.1:0]
    end

    it "refuses a bad tls_dev, and one without effect, with where it comes from" do
      file("config/penstock.rb", "port 0\nbind 'unix:///a'\ntls_dev 'maybe'")
      expect { places }.to raise_error(Penstock::ConfigurationError, %r{\Atls_dev: expected .*given by config/penstock\.rb:3\)})
      expect { places(flags: { bind: ["unix:///a"], tls_dev: true }) }
        .to raise_error(Penstock::ConfigurationError, /\Atls_dev: it has no effect on unix:.*given by /)
    end

    it "refuses a bad port also beside a bind" do
      expect { configuration(env: { "PORT" => "x", "BIND" => "unix:///a" }).settings }
        .to raise_error(Penstock::ConfigurationError, /\Aport: .*given by PORT/)
    end

    context "with sockets that were handed over" do
      let(:env) { { "LISTEN_PID" => Process.pid.to_s, "LISTEN_FDS" => "1", "PORT" => "80" } }

      it "is those in place of a port and of what files bind" do
        file("config/penstock.rb", "bind 'unix:///a'\nport 81")
        expect(places(env: env, flags: { port: 82 })).to eq %w[fd://3]
        expect(configuration(env: env).source(:bind)).to eq "LISTEN_FDS"
      end

      it "is those beside what flags bind" do
        expect(places(env: env, flags: { bind: ["unix:///b"] })).to eq %w[unix:///b fd://3]
      end
    end
  end
end
