# frozen_string_literal: true

require "spec_helper"
require "penstock/handed_over_sockets"

RSpec.describe Penstock::HandedOverSockets do
  let(:own) { Process.pid.to_s }

  it "is a URL for each socket, from descriptor 3 on" do
    expect(described_class.urls("LISTEN_PID" => own, "LISTEN_FDS" => "2")).to eq %w[fd://3 fd://4]
  end

  it "is nothing for the sockets of another process" do
    expect(described_class.urls("LISTEN_PID" => "1", "LISTEN_FDS" => "2")).to eq []
    expect(described_class.urls("LISTEN_FDS" => "2")).to eq []
    expect(described_class.urls("LISTEN_PID" => own)).to eq []
  end

  it "takes the variables away from later children" do
    env = { "LISTEN_PID" => own, "LISTEN_FDS" => "1", "LISTEN_FDNAMES" => "web", "PORT" => "1" }
    described_class.forget(env)
    expect(env).to eq "PORT" => "1"
  end
end
