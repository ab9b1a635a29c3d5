# frozen_string_literal: true

require "spec_helper"
require "penstock/drain_hooks"

RSpec.describe Penstock::DrainHooks::ActionCable do
  it "restarts the server of ActionCable, which sends its clients a close frame" do
    server = Class.new { def restart; end }.new
    allow(server).to receive(:restart)
    stub_const("ActionCable", Module.new.tap { |library| library.define_singleton_method(:server) { server } })
    described_class.call
    expect(server).to have_received(:restart).once
  end

  it "does nothing in an application without it" do
    hide_const("ActionCable")
    expect(described_class.call).to be_nil
  end

  it "does nothing where the library is only half there" do
    stub_const("ActionCable", Module.new)
    expect(described_class.call).to be_nil
  end
end
