# frozen_string_literal: true

require "async"
require "async/barrier"

module Cable
  # One thread with an event loop, in which all WebSockets of an example live. The example's own thread stays a plain
  # one: it hands blocks over and waits for their results.
  class Reactor
    # Seconds that a block given to {#run} may take.
    TIMEOUT = 20

    def initialize
      @jobs = Thread::Queue.new
      @thread = Thread.new { work }
      @thread.name = "WebSocket clients"
      @thread.report_on_exception = false # #stop raises it in the example
    end

    # Runs the block in the event loop and waits for it, but not for the tasks that it starts there.
    #
    # @yieldparam tasks [Async::Barrier] where to start them
    # @return [Object] what the block returns
    # @raise [Async::TimeoutError] after {TIMEOUT} seconds; else what the block raises
    def run
      answer = Thread::Queue.new
      job = lambda do |tasks|
        answer << [Async::Task.current.with_timeout(TIMEOUT) { yield tasks }, nil]
      rescue StandardError => e
        answer << [nil, e]
      end
      @jobs << job
      value, error = answer.pop
      raise error if error

      value
    end

    # Ends the blocks that still run, and the thread.
    def stop
      @jobs.close
      @thread.join
    end

    private

    def work
      Sync do
        barrier = Async::Barrier.new
        while (job = @jobs.pop)
          accept(barrier, job)
        end
      ensure
        barrier.stop
      end
    end

    # A method of its own, so that each task has its own `job`.
    def accept(barrier, job)
      barrier.async { job.call(barrier) }
    end
  end
end
