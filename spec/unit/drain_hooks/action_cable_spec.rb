# frozen_string_literal: true

require "spec_helper"
require "penstock/drain_hooks"

RSpec.describe Penstock::DrainHooks::ActionCable do
  # Stands in for ActionCable.server: notes what it is told.
  let(:server) do
    Class.new do
      attr_reader :connections, :calls

      def initialize
        @connections = []
        @calls = []
      end

      def restart = @calls << :restart

      def worker_pool = self

      def executor = self

      def wait_for_termination(seconds) = @calls << [:wait, seconds]
    end.new
  end

  let(:connection_class) do
    Struct.new(:server, :reasons) do
      def close(reason:) = reasons << reason
    end
  end

  def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

  def connect_client = connection_class.new(server, []).tap { |connection| server.connections << connection }

  context "with the library" do
    before do
      library = Module.new
      cable = server
      library.define_singleton_method(:server) { cable }
      stub_const("ActionCable", library)
    end

    it "closes every connection with the reason of a restart" do
      clients = Array.new(2) { connect_client }
      described_class.call
      expect(clients.map(&:reasons)).to eq [["server_restart"], ["server_restart"]]
      expect(server.calls).to eq []
    ensure
      described_class.finish(0)
    end

    it "ends the pool when the connections have gone, and waits for what it has to do yet" do
      connect_client
      described_class.call
      finishing = Thread.new { described_class.finish(now + 30) }
      expect(server.calls).to eq []
      server.connections.clear
      finishing.join
      expect(server.calls).to match [:restart, [:wait, be_between(20, 30)]]
    end

    it "waits no longer than it may" do
      connect_client
      described_class.call
      described_class.finish(now - 1)
      expect(server.calls).to eq [:restart, [:wait, 0]]
    end

    it "leaves a library alone that has no connection" do
      described_class.call
      described_class.finish(now + 30)
      expect(server.calls).to eq []
    end
  end

  it "does nothing in an application without it" do
    hide_const("ActionCable")
    expect([described_class.call, described_class.finish(0)]).to eq [nil, nil]
  end

  it "does nothing where the library is only half there" do
    stub_const("ActionCable", Module.new)
    expect(described_class.call).to be_nil
  end
end
