# frozen_string_literal: true

require "spec_helper"
require "pathname"
require "penstock/setting_type"

RSpec.describe Penstock::SettingType do
  # For each type what it accepts, with the value that comes of it, and what it refuses.
  types = {
    BOOLEAN: [{ true => true, "on" => true, "1" => true, "yes" => true, false => false, "off" => false, "0" => false },
              [nil, "", "maybe", 1]],
    COUNT: [{ 1 => 1, "7" => 7 }, [0, -1, "0", "x", "0x10", "1.5", 1.5, nil, ""]],
    BYTES: [{ 65_536 => 65_536, "10" => 10 }, [0, "64k", nil, 2**63]],
    RATE: [{ 500 => 500 }, [0, nil]],
    PORT: [{ 0 => 0, "65535" => 65_535 }, [-1, 65_536, "http", nil]],
    SECONDS: [{ 1 => 1, 1.5 => 1.5, "2" => 2, "0.25" => 0.25, 3r => 3 }, [0, -1, "x", "", nil, Float::NAN, Float::INFINITY, 1e20]],
    SECONDS_RANGE: [{ (0.1..5) => 0.1..5, "1..2.5" => 1..2.5 }, [5..1, 0..1, "1", 3, nil]],
    THREADS: [{ 3 => 3, "3" => 3, "1:8" => 8, "0:16" => 16 }, [0, "0", "3:", ":3", "x:3", "1:0", nil]],
    STRING: [{ "a" => "a", :a => "a" }, ["", nil, 1]],
    LIST: [{ %w[a b] => %w[a b], "a,b" => %w[a b], [:a] => %w[a] }, [[""], [1], 1, nil]],
    URLS: [{ "unix:///a,b" => %w[unix:///a,b], %w[a b] => %w[a b], nil => [] }, [[""], [1], 1]],
    LOG: [{ true => true, "-" => true, nil => false, false => false, "off" => false, "log/a.log" => "log/a.log" }, ["", 1]],
    PATH: [{ "a" => "a", Pathname("a") => "a" }, ["", nil, 1]],
    PROXIES: [{ %w[unix 10.0.0.0/8 ::1] => %w[unix 10.0.0.0/8 ::1], "10.0.0.1,unix" => %w[10.0.0.1 unix], [] => [] },
              ["proxy", ["10.0.0.0/99"], 1, nil]]
  }

  types.each do |name, (accepted, refused)|
    describe name.to_s do
      let(:type) { described_class.const_get(name) }

      accepted.each do |given, value|
        it("makes #{value.inspect} of #{given.inspect}") { expect(type.convert(given)).to eql value }
      end

      refused.each do |given|
        it "refuses #{given.inspect}" do
          expect { type.convert(given) }.to raise_error(
            Penstock::ConfigurationError, "expected #{type.expected}, not #{given.inspect}"
          )
        end
      end
    end
  end

  describe ".choice" do
    let(:type) { described_class.choice(:block, :raise) }

    it "takes its words as Symbols and as Strings" do
      expect([type.convert(:block), type.convert("raise")]).to eq %i[block raise]
    end

    it "names its words when it refuses" do
      expect { type.convert("b") }.to raise_error(Penstock::ConfigurationError, 'expected :block or :raise, not "b"')
    end
  end

  describe "#or_nil" do
    it "takes nil and its words beside the values" do
      type = described_class::SECONDS.or_nil
      expect([nil, "nil", "off", "none", "3"].map { |given| type.convert(given) }).to eq [nil, nil, nil, nil, 3]
      expect { type.convert("x") }.to raise_error(Penstock::ConfigurationError, /or nil, not "x"/)
    end

    it "keeps the unit" do
      expect(described_class::BYTES.or_nil.unit).to eq "bytes"
    end
  end
end
