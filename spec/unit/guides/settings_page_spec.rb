# frozen_string_literal: true

require "spec_helper"
require_relative "../../../rakelib/settings_page"

RSpec.describe SettingsPage do
  it "is what guides/settings.md says; where it is not, run `rake guides:settings`" do
    expect(File.read(described_class::PATH)).to eq(described_class.text)
  end

  it "has a row for each setting" do
    rows = described_class.text.scan(/^\| `(\w+)` \|/).flatten
    expect(rows).to match_array(Penstock::Settings.table.keys.map(&:to_s))
  end

  it "says in words what the defaults are that hang on something else" do
    expect(described_class::IN_WORDS.keys.to_h { |name| [name, described_class.text[/^\| `#{name}` \|.*/]] }).to match(
      log_level: include("`:info`", "`:debug` with `debug`"),
      drain_timeout: include("`30`; `2` in development")
    )
    table = Penstock::Settings.table
    expect(%w[production development].map { |name| table[:drain_timeout].default({ environment: name }) }).to eq([30, 2])
    expect([false, true].map { |debug| table[:log_level].default({ debug: debug }) }).to eq(%i[info debug])
  end
end
