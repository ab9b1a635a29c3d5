# frozen_string_literal: true

module Penstock
  # Listening sockets that a service manager has opened and handed over (the protocol of sd_listen_fds(3): LISTEN_PID names
  # the process they are meant for, LISTEN_FDS how many there are, from descriptor 3 on).
  module HandedOverSockets
    # The first descriptor, by the protocol.
    FIRST = 3

    # @param env [Hash{String => String}, ENV] where to look.
    # @return [Array<String>] a URL for {Bind} for each socket; empty where there is none for this process.
    def self.urls(env)
      return [] unless env["LISTEN_PID"] == Process.pid.to_s

      Array.new(env["LISTEN_FDS"].to_i) { |index| "fd://#{FIRST + index}" }
    end

    # Takes the variables away, so that no process which the application starts believes the sockets to be its own.
    # @param env [Hash{String => String}, ENV]
    def self.forget(env)
      %w[LISTEN_PID LISTEN_FDS LISTEN_FDNAMES].each { |name| env.delete(name) }
    end
  end
end
