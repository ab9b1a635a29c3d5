# frozen_string_literal: true

require "rbconfig"

module Bench
  # A server that can be measured.
  #
  # name: as on the command line and in the tables; ruby: whether it runs Rack applications on Ruby threads;
  # http2: whether it speaks HTTP/2 with prior knowledge;
  # arguments: a callable that makes the command line from port:, threads:, app: (nil where it runs none),
  # chunks: (for bare hyper: "hello" or a number) and http2: (whether it is to speak that)
  Peer = Struct.new(:name, :ruby, :http2, :arguments, keyword_init: true) do
    # @param options [Hash] port:, threads:, app:, chunks:
    # @return [Array<String>] what to execute in the project's root
    def command(**options) = arguments.call(**options)

    # YJIT where it is fit for production, for each server alike.
    # @return [Hash{String => String}] environment of the process
    def env = ruby && Machine.yjit? ? { "RUBY_YJIT_ENABLE" => "1" } : {}

    # @param options [Hash] of #command
    # @return [String] the command as a person would type it
    def to_shell(**options)
      words = command(**options).map { |word| word.delete_prefix("#{ROOT}/") }
      words = ["bin/env", *words.drop(1).reject { |word| word == "-S" }] if ruby
      [*env.map { |pair| pair.join("=") }, "taskset -c #{Server::CORE}", *words].join(" ")
    end
  end

  # The servers.
  module Peers
    # Where the native programs are built.
    NATIVE = File.join(ROOT, "target/benchmark/release")

    # hyper with nothing behind it.
    HYPER = Peer.new(
      name: "hyper", ruby: false, http2: true,
      arguments: lambda { |port:, chunks:, http2: false, **|
        [File.join(NATIVE, "bare-hyper"), port.to_s, chunks.to_s, *("http2" if http2)]
      }
    )

    # Penstock as it is installed: no setting but the number of threads.
    PENSTOCK = Peer.new(
      name: "penstock", ruby: true, http2: true,
      arguments: lambda { |port:, threads:, app:, **|
        [RbConfig.ruby, "exe/penstock", "-q", "-b", "tcp://127.0.0.1:#{port}", "-t", threads.to_s,
         "-e", "production", "benchmark/apps/#{app}.ru"]
      }
    )

    # Puma as its documentation advises for one process: a fixed number of threads, requests queued in front of
    # them (its default), no log of requests, and no file of configuration that might lie around.
    PUMA = Peer.new(
      name: "puma", ruby: true, http2: false,
      arguments: lambda { |port:, threads:, app:, **|
        [RbConfig.ruby, "-S", "puma", "-q", "-C", "-", "-b", "tcp://127.0.0.1:#{port}", "-t", "#{threads}:#{threads}",
         "-e", "production", "benchmark/apps/#{app}.ru"]
      }
    )

    # All of them.
    ALL = [HYPER, PENSTOCK, PUMA].freeze

    # Their names.
    NAMES = ALL.map(&:name).freeze

    # @param name [String] one of NAMES
    # @return [Peer] the server of that name
    def self.[](name) = ALL.find { |peer| peer.name == name }
  end
end
