# frozen_string_literal: true

require "etc"

module Bench
  # How busy the machine was with what is no part of a test, from the moment when this was made.
  class Noise
    def initialize
      @busy = Machine.busy
      @own = own
      @started = now
    end

    # @return [Float] the share of all cores that others took; without tests it is near 0
    def share
      others = (Machine.busy - @busy) - ((own - @own) * 1e9)
      [others / ((now - @started) * 1e9 * Etc.nprocessors), 0.0].max
    end

    # To be asked for when the servers of the test have been ended: only then their time is known.
    # @return [String] a sentence for people, ending in a line feed
    def sentence = "Other processes took #{(share * 100).round}% of the machine meanwhile.\n"

    private

    # Seconds on a processor of this process and of its children that have ended.
    def own
      times = Process.times
      times.utime + times.stime + times.cutime + times.cstime
    end

    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end
end
