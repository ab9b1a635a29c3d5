# frozen_string_literal: true

module Penstock
  # Signals as entries of a queue: a trap may take no lock and should do as little as it can.
  module Signals
    # Those that Penstock answers.
    NAMES = %w[INT TERM HUP USR1 USR2].freeze

    # While the block runs, each of these signals pushes its name to the queue; then the traps are as before. Outside of the
    # main thread (a server inside a test suite) signals belong to somebody else and are left alone.
    # @param queue [Thread::Queue] may be pushed to inside a trap.
    # @return [Object] what the block returns.
    def self.to(queue)
      return yield unless Thread.current == Thread.main

      before = NAMES.to_h { |name| [name, Signal.trap(name) { queue << name }] }
      begin
        yield
      ensure
        # nil stands for a handler that Ruby did not install.
        before.each { |name, handler| Signal.trap(name, handler || "SYSTEM_DEFAULT") }
      end
    end
  end
end
