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
end
