# frozen_string_literal: true

module Penstock
  module DrainHooks
    # Sends the clients of ActionCable their close frame. Nothing else would: the library knows nothing of its server, and its
    # own `restart` (what Rails calls when it reloads code) is the public way to it.
    module ActionCable
      # @return [void]
      def self.call
        return unless defined?(::ActionCable) && ::ActionCable.respond_to?(:server)

        ::ActionCable.server.restart
        nil
      end

      # Nothing to undo: the server of ActionCable opens connections as before.
      # @return [void]
      def self.undo; end
    end
  end
end
