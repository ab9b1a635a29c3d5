# frozen_string_literal: true

require "spec_helper"
require "penstock/failure"

RSpec.describe Penstock::Failure do
  let(:error) do
    raise IOError, "the cause"
  rescue IOError
    begin
      raise ArgumentError, "first\n  second\n"
    rescue ArgumentError => e
      e
    end
  end

  it "is one line" do
    expect(described_class.text(error)).to eq "penstock: first second"
  end

  it "has the backtraces of the error and its cause for debug" do
    expect(described_class.text(error, debug: true))
      .to start_with("penstock: first second\n").and include("#{__FILE__}:", "the cause (IOError)")
  end
end
