# frozen_string_literal: true

require "spec_helper"
require "penstock/configuration_file"

RSpec.describe Penstock::ConfigurationFile do
  def path = @path ||= File.join(temporary_folder, "penstock.rb")

  def read(source)
    File.write(path, source)
    described_class.read(path)
  end

  def values(source) = read(source).transform_values(&:value)

  after { Penstock::DrainHooks.clear }

  it "takes each setting of the table as a method" do
    source = Penstock::Settings.table.keys.map { |name| "#{name} :value" }.join("\n")
    expect(values(source).keys).to match_array Penstock::Settings.table.keys
  end

  it "remembers the line of each value" do
    expect(read("\nthreads 3\nport 80\n").transform_values(&:source)).to eq threads: "#{path}:2", port: "#{path}:3"
  end

  it "names the line of the file also where a method of it gives the value" do
    expect(read("def both(n)\n  threads n\nend\nboth 3\n")[:threads].source).to eq "#{path}:2"
  end

  it "collects binds and keeps the last of anything else" do
    expect(values("bind 'unix:///a'\nport 1\nbind 'unix:///b', 'unix:///c'\nport 2"))
      .to eq bind: %w[unix:///a unix:///b unix:///c], port: 2
  end

  it "switches on by the name alone" do
    expect(values("quiet\naccess_log\n")).to eq quiet: true, access_log: true
  end

  it "takes Puma's two numbers of threads, of which the second counts" do
    expect(values("threads 1, 8")).to eq threads: 8
  end

  it "takes nil" do
    expect(values("write_timeout nil")).to eq write_timeout: nil
  end

  it "is plain Ruby, with paths from the working directory" do
    expect(values("threads Integer('2') + 1 if File.directory?('.')")).to eq threads: 3
  end

  it "registers drain hooks" do
    called = []
    stub_const("CALLED", called)
    read("on_drain { CALLED << :hook }")
    Penstock::DrainHooks.run
    expect(called).to eq [:hook]
  end

  {
    "thread 1" => "1: unknown setting thread: did you mean threads? `penstock --check` lists all",
    "\nplugin :tmp_restart" => "2: unknown setting plugin: `penstock --check` lists all",
    "port" => "1: port wants a value",
    "port 1, 2" => "1: port wants one value, not 2",
    "\n\nraise 'no\nluck'" => "3: no (RuntimeError)",
    "require 'no/such/file'" => "1: cannot load such file -- no/such/file (LoadError)",
    "on_drain" => "1: Penstock.on_drain wants a block",
    "nil.upcase" => "1: undefined method"
  }.each do |source, message|
    it "names the line of #{source.inspect}" do
      expect { read(source) }.to raise_error(Penstock::ConfigurationError, /\A#{Regexp.escape("#{path}:#{message}")}.*\z/)
    end
  end

  it "names the line of a syntax error, once" do
    expect { read("threads 1\nport (") }.to raise_error(Penstock::ConfigurationError, /\A#{Regexp.escape(path)}:2: .*\z/)
  end

  it "says what to do about a file that is not there" do
    expect { described_class.read("no/such.rb") }
      .to raise_error(Penstock::ConfigurationError, "cannot read the configuration file no/such.rb; name one that exists with -C")
  end
end
