# frozen_string_literal: true

require "spec_helper"
require "penstock/check_report"
require "penstock/configuration"

RSpec.describe Penstock::CheckReport do
  around { |example| Dir.chdir(temporary_folder) { example.run } }

  def report(**options) = described_class.new(Penstock::Configuration.new(env: {}, **options)).to_s

  it "has a line for each setting: value, unit and where it came from" do
    File.write("penstock.rb", "threads 3\nbody_timeout nil\n")
    lines = report(file: "penstock.rb", flags: { port: Penstock::Given.new("80", "--port") }).lines(chomp: true)
    expect(lines.drop(2).map { |line| line[/\A\w+/] }).to eq Penstock::Settings.table.keys.map(&:to_s)
    expect(lines.map { |line| line.split(/ {2,}/) }).to include(
      %w[threads 3 penstock.rb:1], %w[port 80 --port], %w[body_timeout nil penstock.rb:2],
      ["header_timeout", "30 seconds", "default"], ["max_uri_bytes", "8192 bytes", "default"], %w[slow_consumer :block default]
    )
  end

  it "names the files and the addresses" do
    File.write("penstock.rb", "bind 'unix:///a'\nbind 'tcp://localhost:0'")
    expect(report(file: "penstock.rb"))
      .to start_with("Configuration files: penstock.rb\nWould listen on: unix:///a, tcp://127.0.0.1:0\n")
    expect(report).to start_with("Configuration files: none\nWould listen on: tcp://127.0.0.1:9292")
  end

  it "refuses what could not be served" do
    File.write("penstock.rb", "bind 'tcp://nobody.invalid:1'")
    expect { report(file: "penstock.rb") }.to raise_error(Penstock::ConfigurationError)
  end
end
