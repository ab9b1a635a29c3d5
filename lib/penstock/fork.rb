# frozen_string_literal: true

module Penstock
  # Gems fork running servers. The child gets copies of the server's descriptors and none of its threads: it closes the copies
  # at once, so that a connection ends when the parent closes it, and every further call raises {ForkError}.
  module Fork
    # The engines that run in this process.
    ENGINES = ObjectSpace::WeakMap.new

    # @param engine [Engine] one that was started.
    # @return [void]
    def self.watch(engine)
      ENGINES[engine] = true
      nil
    end

    # Every fork of Ruby goes through this method (Process._fork).
    module Hook
      def _fork
        pid = super
        ENGINES.each_key(&:forked) if pid.zero?
        pid
      end
    end

    Process.singleton_class.prepend(Hook)
  end
end
