# frozen_string_literal: true

require_relative "../../../benchmark/lib/bench"

RSpec.describe Bench::Handshakes do
  it "counts each connection that was not answered as an error" do
    figures = { handshakes: 900, failures: 3, bytes: 90_000, seconds: 2.5, handshake_p50: 4.5, handshake_p99: 20.0 }
    expect(described_class.result(figures)).to have_attributes(requests: 900, connect: 3, bytes: 90_000, seconds: 2.5,
                                                               p50: 0.0045, p99: 0.02)
  end
end
