# frozen_string_literal: true

# Something that threads wait for and that happens once: how a spec holds an application and lets it go.
class Latch
  # Seconds that `wait` takes at most unless it is told otherwise: less than an example may take.
  PATIENCE = 30

  def initialize
    @mutex = Mutex.new
    @changed = ConditionVariable.new
    @open = false
    @waiting = 0
  end

  # Lets everybody pass, from now on.
  def open
    @mutex.synchronize do
      @open = true
      @changed.broadcast
    end
  end

  # @return [Boolean]
  def open?
    @mutex.synchronize { @open }
  end

  # @return [Integer] threads that wait now
  def waiting
    @mutex.synchronize { @waiting }
  end

  # @param seconds [Numeric] the longest wait
  # @return [Boolean] whether the latch is open
  def wait(seconds = PATIENCE)
    deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + seconds
    @mutex.synchronize do
      @waiting += 1
      until @open
        rest = deadline - Process.clock_gettime(Process::CLOCK_MONOTONIC)
        break if rest <= 0

        @changed.wait(@mutex, rest)
      end
      @open
    ensure
      @waiting -= 1
    end
  end
end
