# frozen_string_literal: true

module Bench
  # The load generator of full handshakes: a closed loop in which each connection of TLS 1.3 carries one request. It is one of
  # our own, for wrk resumes its sessions.
  module Handshakes
    # Runs it on the client's core.
    # @param port [Integer] on 127.0.0.1
    # @param workload [Workload] its connections count: so many at a time
    # @param seconds [Integer] how long
    # @return [Wrk::Result] what it counted; requests are connections that were answered, `connect` are all others
    # @raise [Error] with what the client said, when not one was answered
    def self.run(port, workload, seconds)
      arguments = ["handshakes", port, workload.connections, seconds]
      figures = Client.run(*arguments, connections: workload.connections) { |client| client.phase("handshakes") }
      result(figures)
    end

    # @param workload [Workload] as for .run
    # @param seconds [Integer] as for .run
    # @return [String] the command as a person would type it
    def self.to_shell(workload, seconds) = Client.to_shell("handshakes", "PORT", workload.connections, seconds)

    # @param figures [Hash{Symbol => Numeric}] of bench-client
    # @return [Wrk::Result] the same
    def self.result(figures)
      p50, p99 = figures.values_at(:handshake_p50, :handshake_p99).map { |milliseconds| milliseconds / 1000.0 }
      Wrk::Result.new(requests: figures[:handshakes], seconds: figures[:seconds], bytes: figures[:bytes],
                      connect: figures[:failures], read: 0, write: 0, status: 0, timeout: 0, p50:, p99:)
    end
  end
end
