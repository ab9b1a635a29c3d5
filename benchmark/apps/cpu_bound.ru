# frozen_string_literal: true

require_relative "broadcast"

# Requests that compute beside short ones, and open streams that get a heartbeat. As Broadcast, and beside that:
#
#   GET /compute        computes in Ruby, and holds Ruby's lock as long as Ruby lets it
class CpuBound < Broadcast
  # Seconds on a processor that a request of /compute takes.
  COMPUTING = 0.2

  # Seconds between two heartbeats.
  INTERVAL = 0.1

  def initialize
    super("text/event-stream", "data: #%010d is for each.\n\n")
    @beating = false
  end

  # @param env [Hash] of Rack
  # @return [Array] a Rack response
  def call(env)
    return super unless env["PATH_INFO"] == "/compute"

    compute
    text("Hello, world!")
  end

  private

  def compute
    last = clock(Process::CLOCK_THREAD_CPUTIME_ID) + COMPUTING
    1000.times { |number| Math.sqrt(number) } while clock(Process::CLOCK_THREAD_CPUTIME_ID) < last
  end

  # It begins with the first stream: a server may fork before that. Where the server runs fibers, it is one of them, and ends with the
  # stream that it began with.
  def keep(stream, notifier)
    super
    return if @lock.synchronize { @beating.tap { @beating = true } }

    Fiber.scheduler ? Fiber.schedule { beat } : Thread.new { beat }
  end

  def beat
    due = clock
    (1..).each do |number|
      due += INTERVAL
      sleep([due - clock, 0].max)
      broadcast(message(number))
    end
  ensure
    @lock.synchronize { @beating = false }
  end

  def clock(id = Process::CLOCK_MONOTONIC) = Process.clock_gettime(id)
end

run CpuBound.new
