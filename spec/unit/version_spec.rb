# frozen_string_literal: true

require "spec_helper"
require "penstock/version"

RSpec.describe "Penstock::VERSION" do
  it "is that of the crates" do
    manifest = File.read(File.join(ServerHelper::ROOT, "Cargo.toml"))
    expect(Penstock::VERSION).to eq manifest[/^version = "(.+)"/, 1]
  end
end
