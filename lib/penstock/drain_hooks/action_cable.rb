# frozen_string_literal: true

module Penstock
  module DrainHooks
    # Sends the clients of ActionCable their close frame. Nothing else would, since the library knows nothing of its server.
    #
    # `ActionCable.server.restart` alone does it too, but it ends the pool of threads at once, and then no channel would hear
    # `unsubscribed`: so the connections are closed first, and the pool is ended when they have gone.
    module ActionCable
      # The pause between two looks at what is left, in seconds.
      INTERVAL = 0.01

      @closed = false

      class << self
        # @return [void]
        def call
          return unless defined?(::ActionCable) && ::ActionCable.respond_to?(:server)

          connections = ::ActionCable.server.connections.to_a
          @closed ||= connections.any?
          connections.each { |connection| connection.close(reason: "server_restart") }
          nil
        end

        # Lets the channels finish with the connections that have gone.
        # @param deadline [Float] when to wait no longer, by the monotonic clock in seconds.
        # @return [void]
        def finish(deadline)
          return unless @closed

          @closed = false
          server = ::ActionCable.server
          sleep INTERVAL until server.connections.empty? || now > deadline
          pool = server.worker_pool.executor
          server.restart
          pool.wait_for_termination([deadline - now, 0].max)
          nil
        end

        private

        def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
      end
    end
  end
end
