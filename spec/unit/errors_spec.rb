# frozen_string_literal: true

require "spec_helper"
require "penstock/errors"

RSpec.describe Penstock::Error do
  it "stands above all errors of Penstock, and below what `rescue` catches by itself" do
    expect(described_class).to be < StandardError
    expect([Penstock::ConfigurationError, Penstock::ForkError, Penstock::SlowConsumerError]).to all be < described_class
  end
end
