# frozen_string_literal: true

require_relative "drain_hooks/action_cable"
require_relative "drain_hooks/message_bus"

module Penstock # rubocop:disable Style/Documentation -- described in lib/penstock.rb.
  # Has the block called at the start of each drain, before the server waits for its requests and streams. What it raises is
  # logged. It is waited for as long as half of the time that is left; after that it goes on beside the drain.
  # @return [void]
  # @raise [ArgumentError] without a block.
  def self.on_drain(&hook)
    raise ArgumentError, "Penstock.on_drain wants a block" unless hook

    DrainHooks.add(hook)
  end

  # What runs when a server begins to drain: the hooks of {Penstock.on_drain} in their order, then the built-in ones, which
  # end what ActionCable and MessageBus keep open. These look for the two libraries only then, so that an application needs no
  # line for them, in Rails or outside.
  module DrainHooks
    # The built-in hooks.
    BUILT_IN = [ActionCable, MessageBus].freeze

    # How often the built-in hooks run again while the drain lasts, in seconds: for a request that was under way at first
    # and has become a stream since.
    INTERVAL = 1

    # What each hook is waited for at least, in seconds, however near the deadline is.
    LEAST = 0.1

    @hooks = []
    @lock = Mutex.new

    class << self
      # @param hook [#call]
      # @return [void]
      def add(hook)
        @lock.synchronize { @hooks << hook }
        nil
      end

      # Forgets what {add} was given.
      # @return [void]
      def clear
        @lock.synchronize { @hooks.clear }
        nil
      end

      # Runs the hooks, and then the block, while which the built-in ones run again and again; then these finish.
      # @param deadline [Float, nil] when the drain ends, by the monotonic clock in seconds; nil: never.
      # @param log [#call] called with one line for each hook that raises or is not waited for any longer.
      # @yield the rest of the drain.
      # @return [Object, nil] what the block returns.
      def run(deadline = nil, log: ->(line) { warn(line) })
        @lock.synchronize { [*@hooks, *BUILT_IN] }.each { |hook| call(hook, deadline, log) }
        return unless block_given?

        again = Thread.new { repeat(log) }
        yield
      ensure
        again&.kill&.join
        last = [deadline || (now + INTERVAL), now + LEAST].max
        BUILT_IN.each { |hook| guard(hook, log) { hook.finish(last) } }
      end

      private

      def call(hook, deadline, log)
        thread = Thread.new { guard(hook, log) { hook.call } }
        thread.name = "penstock on_drain"
        return if thread.join(deadline && [(deadline - now) / 2, LEAST].max)

        log.call("on_drain: #{title(hook)} takes too long; the drain goes on beside it")
      end

      # What kills the thread or throws ends the hook alone, since it has the thread for itself.
      def guard(hook, log)
        yield
      rescue Exception => e # rubocop:disable Lint/RescueException -- whatever a hook raises, the drain goes on.
        log.call("on_drain: #{title(hook)} raised #{e.class}: #{e.message} (#{e.backtrace&.first})")
      end

      def repeat(log)
        loop do
          sleep INTERVAL
          BUILT_IN.each { |hook| guard(hook, log) { hook.call } }
        end
      end

      def title(hook)
        hook.respond_to?(:source_location) ? "the hook of #{hook.source_location&.join(":")}" : hook.name
      end

      def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    end
  end
end
