# frozen_string_literal: true

require "open3"

module Bench
  # The load generator wrk: a closed loop, so that what it says of latency hides how long a server stalls.
  module Wrk
    # What wrk counted.
    #
    # requests: answers that were complete; seconds; bytes: received, heads included; connect, read, write, status,
    # timeout: errors (status: above 399); p50, p99: seconds from request to answer
    Result = Struct.new(:requests, :seconds, :bytes, :connect, :read, :write, :status, :timeout, :p50, :p99,
                        keyword_init: true)

    # Microseconds in a second.
    MICROSECONDS = 1e6

    # Runs it on the client's core.
    # @param port [Integer] on 127.0.0.1
    # @param workload [Workload] its URL, connections, headers and the size of its post count
    # @param seconds [Integer] how long
    # @return [Result] what it counted
    # @raise [Error] with what wrk said, when it did not run
    def self.run(port, workload, seconds)
      command = ["taskset", "-c", Server::CLIENT_CORE.to_s, *arguments(workload, seconds)]
      output, = Open3.capture2e(*command, "-s", File.join(ROOT, "benchmark/wrk.lua"), workload.url(port), *post(workload))
      line = output[/^counted (.+)/, 1] or raise Error, "wrk did not run: #{output.strip}"

      parse(line)
    end

    # @param workload [Workload] as for .run
    # @param seconds [Integer] as for .run
    # @return [String] the command as a person would type it
    def self.to_shell(workload, seconds)
      words = arguments(workload, seconds).map { |word| word.include?(" ") ? "'#{word}'" : word }
      ["taskset -c #{Server::CLIENT_CORE}", *words, "-s benchmark/wrk.lua", workload.url("PORT"), *post(workload)].join(" ")
    end

    # A slow answer is no error here: it shows in the latency.
    def self.arguments(workload, seconds)
      headers = workload.headers.flat_map { |name, value| ["-H", "#{name}: #{value}"] }
      ["wrk", "-t1", "-c#{workload.connections}", "-d#{seconds}s", "--timeout", "30s", *headers]
    end
    private_class_method :arguments

    # What benchmark/wrk.lua is told: how long the body is that each request has.
    def self.post(workload) = workload.post ? ["--", workload.post.bytesize.to_s] : []
    private_class_method :post

    def self.parse(line)
      counted = line.split.to_h { |pair| pair.split("=") }.transform_keys(&:to_sym).transform_values { Integer(_1, 10) }
      duration = counted.delete(:duration)
      in_seconds = { seconds: duration, p50: counted[:p50], p99: counted[:p99] }.transform_values { _1 / MICROSECONDS }
      Result.new(**counted, **in_seconds)
    end
    private_class_method :parse
  end
end
