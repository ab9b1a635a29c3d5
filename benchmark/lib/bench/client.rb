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
    def self.run(*arguments, connections:)
      command = ["taskset", "-c", Server::CLIENT_CORE.to_s, PATH, *arguments.map(&:to_s)]
      errors = Tempfile.new("bench-client")
      pipe = IO.popen([*command, { err: errors.path, rlimit_nofile: Server.descriptor_limit(connections) }], "r+")
      yield new(pipe, errors)
    ensure
      if pipe
        Process.kill(:KILL, pipe.pid) unless Process.wait(pipe.pid, Process::WNOHANG)
        pipe.close
      end
      errors&.close!
    end

    # @param arguments [Array<String, Integer>] of bench-client
    # @return [String] the command as a person would type it
    def self.to_shell(*arguments)
      ["taskset -c #{Server::CLIENT_CORE}", PATH.delete_prefix("#{ROOT}/"), *arguments].join(" ")
    end

    # @param pipe [IO] to the program
    # @param errors [File] what it says when it fails
    def initialize(pipe, errors)
      @pipe = pipe
      @errors = errors
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
