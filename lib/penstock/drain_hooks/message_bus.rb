# frozen_string_literal: true

require "io/wait"

module Penstock
  module DrainHooks
    # Answers the long polls of MessageBus that are waiting, each as its own time-out would, and lets no further one wait.
    # Publishing and subscribing go on. `MessageBus.destroy` would not do: it stops those, and leaves the clients open.
    module MessageBus
      @paused = []

      class << self
        # @return [void]
        def call
          return unless defined?(::MessageBus::Client) && ::MessageBus.respond_to?(:long_polling_enabled?)

          pause
          # The library keeps no list of its clients that others could read.
          ObjectSpace.each_object(::MessageBus::Client).to_a.each { |client| answer(client) }
          nil
        end

        # Lets polls wait again, for a process that lives on without this server.
        # @param _deadline [Float] not needed: it takes no time.
        # @return [void]
        def finish(_deadline)
          @paused.each { |bus| bus.long_polling_enabled = true }
          @paused.clear
        end

        private

        def pause
          buses = [::MessageBus, *ObjectSpace.each_object(::MessageBus::Instance)].select(&:long_polling_enabled?)
          buses.each { |bus| bus.long_polling_enabled = false }
          @paused.concat(buses)
        end

        # A client that takes nothing would make the write wait, and with it all the others; the drain's deadline ends it.
        def answer(client)
          return if client.closed? || !writable?(client.io)

          client.synchronize { client.close unless client.closed? }
        end

        def writable?(io)
          io.nil? || io.wait_writable(0)
        rescue IOError
          false
        end
      end
    end
  end
end
