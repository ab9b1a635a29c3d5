# frozen_string_literal: true

module Bench
  # What a process tree holds at one moment.
  #
  # resident: bytes of resident memory; descriptors and threads: how many; cpu: nanoseconds so far
  ProcessSample = Struct.new(:resident, :descriptors, :threads, :cpu, keyword_init: true) do
    # @param tree [ProcessTree] what to look at
    # @return [ProcessSample] what it holds now
    def self.of(tree)
      new(resident: tree.resident, descriptors: tree.descriptors, threads: tree.threads, cpu: tree.cpu)
    end

    # Waits, at most `seconds`, until the number of descriptors and of threads stands still.
    # @param tree [ProcessTree] what to look at
    # @param seconds [Integer] the longest wait
    # @return [ProcessSample] the last one
    def self.settled(tree, seconds: 10)
      last = of(tree)
      poll(tree, seconds) do |sample|
        still = sample.descriptors == last.descriptors && sample.threads == last.threads
        last = sample
        still
      end
    end

    # Waits, at most `seconds`, until no more descriptors and threads are there than in `baseline`.
    # @param tree [ProcessTree] what to look at
    # @param baseline [ProcessSample] what it held before
    # @param seconds [Integer] the longest wait
    # @return [ProcessSample] the last one
    def self.back_at(tree, baseline, seconds: 10)
      poll(tree, seconds) { |sample| sample.no_more_than?(baseline) }
    end

    # The first sample for which the block holds, or the last one within the time. It looks five times a second.
    def self.poll(tree, seconds)
      (seconds * 5).times do
        sleep 0.2
        sample = of(tree)
        return sample if yield(sample)
      end
      of(tree)
    end
    private_class_method :poll

    # @param other [ProcessSample] an earlier one
    # @return [Boolean] whether there are at most as many descriptors and threads as in the other
    def no_more_than?(other) = descriptors <= other.descriptors && threads <= other.threads
  end
end
