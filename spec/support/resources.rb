# frozen_string_literal: true

# Counts of what a process holds, to see that it gives back what it took.
module Resources
  # The counts of one process at one moment.
  #
  # @!attribute pid [Integer] the process
  # @!attribute descriptors [Integer] open file descriptors
  # @!attribute threads [Integer] kernel threads, Ruby's and others
  Counts = Struct.new(:pid, :descriptors, :threads)

  # @param pid [Integer] the process to look at, by default this one
  # @return [Counts]
  def resource_counts(pid = Process.pid)
    own = pid == Process.pid ? 1 : 0 # the descriptor that reads the folder
    Counts.new(pid, Dir.children("/proc/#{pid}/fd").size - own, Dir.children("/proc/#{pid}/task").size)
  end

  # Waits until a process holds no more than it did.
  #
  # @param baseline [Counts] from {#resource_counts}
  # @param timeout [Numeric] seconds; the I/O thread's helper, which gives memory back where many connections rest, ends when it
  #   has had nothing to do for 10.
  # @raise [Eventually::NotReached] with the counts that it stayed at
  def counts_return_to(baseline, timeout: 15)
    eventually(timeout) do
      now = resource_counts(baseline.pid)
      expect([now.descriptors, now.threads])
        .to satisfy("be at most #{baseline.descriptors} descriptors and #{baseline.threads} threads") do |descriptors, threads|
          descriptors <= baseline.descriptors && threads <= baseline.threads
        end
      true
    end
  end

  # Runs the block while this process can open no more descriptors.
  #
  # @return [Object] what the block returns
  def without_descriptors
    limits = Process.getrlimit(:NOFILE)
    # The numbers below are taken in every Ruby: standard streams, and one of the VM's own.
    Process.setrlimit(:NOFILE, 4, limits.last)
    yield
  ensure
    Process.setrlimit(:NOFILE, *limits)
  end

  # @return [Integer] resident memory in bytes
  def resident_bytes(pid = Process.pid)
    File.read("/proc/#{pid}/status")[/^VmRSS:\s+(\d+) kB/, 1].to_i * 1024
  end
end
