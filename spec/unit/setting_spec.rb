# frozen_string_literal: true

require "spec_helper"
require "penstock/setting"

RSpec.describe Penstock::Setting do
  def setting(default, **options)
    described_class.new(:speed, Penstock::SettingType::COUNT, default, "How fast", **options)
  end

  it "has a default that may depend on the rows above" do
    expect(setting(3).default({})).to eq 3
    expect(setting(->(values) { values[:threads] * 2 }).default({ threads: 4 })).to eq 8
  end

  it "names itself when it refuses a value" do
    expect { setting(1).convert("x", {}) }
      .to raise_error(Penstock::ConfigurationError, 'speed: expected a whole number above 0, not "x"')
  end

  it "refuses what would have no effect, but not its default" do
    awaited = setting(1, needs: "wings")
    expect(awaited.convert("1", {})).to eq 1
    expect { awaited.convert(2, {}) }
      .to raise_error(Penstock::ConfigurationError, "speed: 2 needs wings, which this version does not have; leave the setting out")
  end
end
