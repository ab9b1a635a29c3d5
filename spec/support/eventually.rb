# frozen_string_literal: true

# Waiting for a condition: the only place in the specs that sleeps.
module Eventually
  # Raised when the condition did not come true in time.
  class NotReached < StandardError; end

  # The pause between two looks at the condition, in seconds.
  INTERVAL = 0.01

  # Calls the block until it returns something truthy, and returns that. A failed expectation or an IO error inside the
  # block counts as "not yet".
  #
  # @param timeout [Numeric] seconds after which the example fails
  # @raise [NotReached] with the block's last value or error
  def eventually(timeout = 5, &block)
    deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + timeout
    loop do
      value, error = attempt(&block)
      return value if value

      late = Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline
      raise NotReached, "not reached within #{timeout} s; the last value was: #{error || value.inspect}" if late

      sleep INTERVAL
    end
  end

  private

  # The block's value and nil, or nil and what it raised.
  def attempt
    [yield, nil]
  rescue RSpec::Expectations::ExpectationNotMetError, SystemCallError, IOError => e
    [nil, e.message]
  end
end
