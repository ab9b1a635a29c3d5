# frozen_string_literal: true

require "json"

module Bench
  # The client that holds many connections: benchmark/client in a process of its own, on the client's core. It stops
  # after each phase until it is told to go on.
  class Client
    # The program.
    PATH = File.join(Peers::NATIVE, "bench-client")

    # @param arguments [Array<String, Integer>] of bench-client
    # @param connections [Integer] how many it has to be able to hold
    # @yieldparam client [Client] ready for #phase; ended afterwards
    # @return what the block returns
    def self.run(*arguments, connections:)
      client = new(*arguments, connections:)
      yield client
    ensure
      client&.stop
    end

    # @param arguments [Array<String, Integer>] of bench-client
    # @return [String] the command as a person would type it
    def self.to_shell(*arguments)
      ["taskset -c #{Server::CLIENT_CORE}", PATH.delete_prefix("#{ROOT}/"), *arguments].join(" ")
    end

    # Starts it, ready for #phase.
    # @param arguments [Array<String, Integer>] of bench-client
    # @param connections [Integer] how many it has to be able to hold
    def initialize(*arguments, connections:)
      @errors = Tempfile.new("bench-client")
      command = ["taskset", "-c", Server::CLIENT_CORE.to_s, PATH, *arguments.map(&:to_s)]
      @pipe = IO.popen([*command, { err: @errors.path, rlimit_nofile: Server.descriptor_limit(connections) }], "r+")
    end

    # Ends it, whatever it is at.
    def stop
      Process.kill(:KILL, @pipe.pid) unless Process.wait(@pipe.pid, Process::WNOHANG)
      @pipe.close
      @errors.close!
    end

    # Waits for the end of a phase, yields, and lets the program go on.
    # @param name [String] the phase's
    # @yieldparam figures [Hash{Symbol => Numeric, nil}] the phase's
    # @return what the block returns; the figures without one
    # @raise [Error] when the program has ended instead
    def phase(name)
      line = @pipe.gets or raise Error, "the client failed: #{File.read(@errors.path).strip}"

      figures = JSON.parse(line, symbolize_names: true)
      raise Error, "the client is at #{figures[:phase]} instead of #{name}" unless figures[:phase] == name

      result = block_given? ? yield(figures) : figures
      @pipe.puts
      result
    end
  end
end
