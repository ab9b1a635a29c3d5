# frozen_string_literal: true

require "spec_helper"
require "penstock/spelling"

RSpec.describe Penstock::Spelling do
  it "names what comes near" do
    expect(described_class.hint(:acess_log, %i[access_log log_level])).to eq "did you mean access_log? "
  end

  it "is empty where nothing does" do
    expect(described_class.hint(:plugin, %i[access_log log_level])).to eq ""
  end
end
