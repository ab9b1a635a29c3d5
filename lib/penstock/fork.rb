# frozen_string_literal: true

module Penstock
  # Gems fork running servers. The child gets copies of the server's descriptors and none of its threads: it closes the copies
  # at once, so that a connection ends when the parent closes it, and every further call raises {ForkError}. Where no server
  # runs at the fork, the child may start one of its own.
  module Fork
    @running = []

    class << self
      # @param engine [Engine] one that is about to start.
      # @return [void]
      def watch(engine)
        @running << engine
        nil
      end

      # @param engine [Engine] one that has stopped.
      # @return [void]
      def forget(engine)
        @running.delete(engine)
        nil
      end

      # To be called in a child, which in turn may fork.
      # @return [void]
      def forked
        Engine.forked(@running)
        @running.clear
        nil
      end
    end

    # Every fork of Ruby goes through Process._fork, but for that of Process.daemon.
    module Hook
      def daemon(...)
        super.tap { Fork.forked }
      end

      def _fork
        pid = super
        Fork.forked if pid.zero?
        pid
      end
    end

    Process.singleton_class.prepend(Hook)
  end
end
