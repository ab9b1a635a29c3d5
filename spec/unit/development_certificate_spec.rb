# frozen_string_literal: true

require "spec_helper"
require "penstock/development_certificate"

RSpec.describe Penstock::DevelopmentCertificate do
  describe ".paths" do
    {
      { "XDG_CACHE_HOME" => "/var/cache" } => "/var/cache",
      {} => File.join(Dir.home, ".cache"),
      { "XDG_CACHE_HOME" => "" } => File.join(Dir.home, ".cache"),
      { "XDG_CACHE_HOME" => "relative" } => File.join(Dir.home, ".cache")
    }.each do |env, folder|
      it "are in the user's cache folder with #{env}" do
        expect(described_class.paths(env)).to eq ["#{folder}/penstock/localhost.pem", "#{folder}/penstock/localhost.key"]
      end
    end

    it "say what to do where the user has no home" do
      allow(Dir).to receive(:home).and_raise(ArgumentError, "couldn't find HOME environment")
      expect { described_class.paths({}) }
        .to raise_error(Penstock::ConfigurationError, /\Atls_dev: .*couldn't find HOME.*; name one by XDG_CACHE_HOME\z/)
    end
  end

  describe ".advice" do
    { "linux-gnu" => "mkdir -p ~/.pki/nssdb && certutil -d sql:$HOME/.pki/nssdb -A -t P,, -n penstock -i",
      "darwin23" => "security add-trusted-cert -p ssl -k ~/Library/Keychains/login.keychain-db" }.each do |system, command|
      it "is the command of #{system}, with a path that a shell takes" do
        stub_const("RbConfig::CONFIG", { "host_os" => system })
        expect(described_class.advice({ "XDG_CACHE_HOME" => "/my cache" }))
          .to eq "To have the browser trust localhost, type: #{command} /my\\ cache/penstock/localhost.pem"
      end
    end
  end

  describe ".provide" do
    let(:folder) { File.join(temporary_folder, "penstock") }

    before do
      require "penstock"
      allow(described_class).to receive(:paths).and_return(%w[pem key].map { |kind| File.join(folder, "localhost.#{kind}") })
    end

    it "waits for another process that is at it, and can be interrupted" do
      Dir.mkdir(folder)
      File.open(File.join(folder, "localhost.lock"), "w") do |lock|
        lock.flock(File::LOCK_EX)
        waiting = Array.new(2) { Thread.new { described_class.provide } }
        eventually { waiting.all? { |thread| thread.status == "sleep" } }
        waiting.first.kill
        expect(waiting.first.join(5)).to be(waiting.first)
        expect(Dir.children(folder)).to eq(["localhost.lock"])
        lock.flock(File::LOCK_UN)
        waiting.last.join
      end
      expect(Dir.children(folder)).to contain_exactly("localhost.key", "localhost.lock", "localhost.pem")
    end
  end
end
