# frozen_string_literal: true

module Bench
  # A process and all that descend from it, seen through /proc. A process that ends while it is looked at counts as
  # nothing.
  class ProcessTree
    # @param pid [Integer] of the process at the root
    def initialize(pid)
      @pid = pid
    end

    # @return [Array<Integer>] the root's pid, and those of its descendants
    def pids
      found = [@pid]
      found.each do |pid|
        each_task(pid) { |task| found.concat(read("#{task}/children").split.map { Integer(_1, 10) }) }
      end
    end

    # The time on a processor of all threads that live now. From schedstat, which the scheduler counts exactly: utime
    # and stime of stat are sampled by tick. A thread that has ended takes its time with it; none of the servers here
    # ends threads under load.
    # @return [Integer] nanoseconds
    def cpu
      sum_tasks { |task| Integer(read("#{task}/schedstat").split.first || "0", 10) }
    end

    # From smaps_rollup, which is exact, where VmRSS lags behind by some pages for each processor.
    # @return [Integer] bytes of memory that are resident
    def resident
      pids.sum { |pid| read("/proc/#{pid}/smaps_rollup")[/^Rss:\s+(\d+) kB/, 1].to_i * 1024 }
    end

    # @return [Integer] open descriptors
    def descriptors
      pids.sum { |pid| Dir.children("/proc/#{pid}/fd").size }
    rescue Errno::ENOENT, Errno::ESRCH
      0
    end

    # @return [Integer] threads, the native ones included
    def threads
      sum_tasks { 1 }
    end

    # @param port [Integer] of TCP over IPv4
    # @return [Boolean] whether a process of the tree is the one that listens there
    def listens_on?(port)
      listening = format(":%04X", port)
      inodes = read("/proc/net/tcp").lines.map(&:split).select { |f| f[1].end_with?(listening) && f[3] == "0A" }
      links = inodes.map { |fields| "socket:[#{fields[9]}]" }
      pids.any? { |pid| Dir.glob("/proc/#{pid}/fd/*").any? { |fd| links.include?(link(fd)) } }
    end

    private

    def sum_tasks
      total = 0
      pids.each { |pid| each_task(pid) { |task| total += yield(task) } }
      total
    end

    def each_task(pid, &) = Dir.glob("/proc/#{pid}/task/*").each(&)

    def read(path)
      File.read(path)
    rescue Errno::ENOENT, Errno::ESRCH
      ""
    end

    def link(path)
      File.readlink(path)
    rescue Errno::ENOENT
      nil
    end
  end
end
