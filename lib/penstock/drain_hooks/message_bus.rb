# frozen_string_literal: true

require "io/wait"

module Penstock
  module DrainHooks
    # Answers the long polls of MessageBus that are waiting, each as its own time-out would. Publishing and subscribing go on:
    # `MessageBus.destroy` would stop those, and leave the clients open.
    module MessageBus
      class << self
        # @return [void]
        def call
          return unless defined?(::MessageBus::Client)

          # The library keeps no list of its clients that others could read.
          ObjectSpace.each_object(::MessageBus::Client).to_a.each { |client| answer(client) }
          nil
        end

        # There is nothing to finish: a poll that is answered is over.
        # @param _deadline [Float]
        # @return [void]
        def finish(_deadline); end

        private

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
