# frozen_string_literal: true

require_relative "latch"

# Bounds the time of an example, so that none can hang the suite.
module ExampleLimit
  # Seconds that an example may take unless its metadata says otherwise: `it "…", limit: 120`.
  DEFAULT = 60

  # Seconds after the limit within which the example has to give in to the exception, else the process ends.
  GRACE = 10

  # The standard error of the process, also while an example has it redirected.
  TERMINAL = $stderr.dup

  # Raised in an example that took too long. No StandardError: a `rescue => e` in the example must not swallow it.
  class Exceeded < Exception; end # rubocop:disable Lint/InheritException -- see the comment above

  module_function

  # Runs the block; when it takes longer than the limit, prints every thread's backtrace and raises in this thread.
  def watch(example)
    limit = example.metadata.fetch(:limit, DEFAULT)
    done = Latch.new
    watchdog = start_watchdog(Thread.current, done, limit, example.full_description)
    yield
  ensure
    done.open
    watchdog.join
  end

  # A thread that waits for `done` at most `limit` seconds.
  def start_watchdog(target, done, limit, description)
    Thread.new do
      Thread.current.name = "example limit"
      next if done.wait(limit)

      print_backtraces("#{description} took longer than #{limit} s")
      target.raise(Exceeded, "took longer than #{limit} s")
      next if done.wait(GRACE)

      TERMINAL.puts "It does not give in either: the process ends."
      exit!(1)
    end
  end

  # Prints the backtrace of every Ruby thread to the terminal.
  def print_backtraces(reason)
    TERMINAL.puts "", reason
    Thread.list.each do |thread|
      TERMINAL.puts "-- #{thread.inspect}", *(thread.backtrace || []).map { |line| "   #{line}" }
    end
  end
end
