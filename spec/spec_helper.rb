# frozen_string_literal: true

require "rack"
require "rspec"

# Every example group can start servers and talk to them (spec/support/server_helper.rb), wait for a condition
# (spec/support/eventually.rb) and count what a server holds (spec/support/resources.rb).
Dir[File.join(__dir__, "support", "*.rb")].each { |file| require file }

RSpec.configure do |config|
  config.disable_monkey_patching!
  config.order = :random
  Kernel.srand config.seed

  config.filter_run_when_matching :focus
  # `rack: ">= 3.0"` names the Racks whose Lint or middleware knows what an example shows. bin/test runs several of them.
  config.filter_run_excluding(rack: ->(wanted) { !Gem::Requirement.new(wanted).satisfied_by?(Gem::Version.new(Rack.release)) })
  config.expect_with(:rspec) { |expectations| expectations.syntax = :expect }
  config.mock_with(:rspec) { |mocks| mocks.verify_partial_doubles = true }
  config.shared_context_metadata_behavior = :apply_to_host_groups

  config.include Eventually
  config.include Resources
  config.include ServerHelper

  config.around { |example| GcStress.wanted? ? GcStress.run { example.run } : ExampleLimit.watch(example) { example.run } }
  config.after do |example|
    log = end_servers
    example.metadata[:extra_failure_lines] = ["", "What the servers logged:", *log.lines(chomp: true)] if example.exception && !log.empty?
  end
end
