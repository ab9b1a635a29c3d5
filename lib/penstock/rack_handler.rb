# frozen_string_literal: true

require_relative "failure"
require_relative "launcher"
require_relative "rack_options"

module Penstock
  # What both handlers are, that of Rack 2 and that of rackup (Rack 3). Nothing is started before {#run}: rackup may have
  # forked the process into the background just before it.
  module RackHandler
    # Serves until the server is stopped. Ends the process with one line and status 1 where it cannot start.
    # @param app [#call] the application.
    # @param options [Hash{Symbol => Object}] see {RackOptions}.
    # @yieldparam launcher [Launcher] has a method `stop` that may be called inside a trap; the server listens.
    # @return [void]
    def run(app, **options, &)
      require "penstock"
      rack_options = RackOptions.new(options)
      rack_options.warnings.each { |line| warn("penstock: #{line}") }
      launcher = Launcher.new(rack_options.configuration.settings) { app }
      Process.exit!(1) if launcher.run(&) == :cut
    rescue Error => e
      warn(Failure.text(e, debug: options[:debug]))
      exit(1)
    end

    # @return [Hash{String => String}] the options of `rackup -O`, with what each does.
    def valid_options = RackOptions.descriptions
  end
end
