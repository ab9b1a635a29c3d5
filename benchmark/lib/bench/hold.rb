# frozen_string_literal: true

module Bench
  # Servers whose applications hold streams on which nothing comes, and how they are asked for these.
  module Hold
    # What is asked beside the streams: a hello of the application that has them.
    HELLO = Workload.new(name: "broadcast", title: "a hello of an application with streams", body: Workloads::HELLO).freeze

    module_function

    # @param options [Options] of which servers
    # @return [Array<Peer>] those of them that can have streams
    def peers(options) = options.peers.select { |peer| StreamsTest::WAYS.key?(peer.name) }

    # @param peer [Peer] one of .peers
    # @return [String] where its streams are
    def path(peer) = StreamsTest::WAYS.fetch(peer.name).keys.first

    # @param port [String, Integer] a number, or a word that stands for it
    # @param path [String] where the streams are
    # @param counts [Array<Integer>] how many are to be open, one number after the other
    # @return [Array] arguments of bench-client
    def arguments(port, path, counts) = ["hold", port, path, *counts]
  end
end
