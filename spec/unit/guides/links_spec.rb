# frozen_string_literal: true

require "spec_helper"

RSpec.describe "the links of README.md and the guides" do # rubocop:disable RSpec/DescribeClass -- they are pages
  root = File.expand_path("../../..", __dir__)

  Dir.glob(%w[README.md guides/*.md], base: root).each do |page|
    it "lead somewhere in #{page}" do
      targets = File.read(File.join(root, page)).scan(/\]\(([^)#]+)(?:#[^)]*)?\)/).flatten.grep_v(/\Ahttps?:/)
      missing = targets.reject { |target| File.exist?(File.expand_path(target, File.dirname(File.join(root, page)))) }
      expect(missing).to be_empty
    end
  end
end
