# frozen_string_literal: true

require "open3"

module Bench
  # The load generator of HTTP/2, h2load: a closed loop as wrk is.
  module H2load
    # Seconds behind the end after which it is not waited for any longer: h2load waits for ever for a connection that a server has
    # not taken to its end.
    PATIENCE = 10

    # The status of timeout(1) that has killed h2load.
    TIMED_OUT = 137

    # Runs it on the client's core.
    # @param port [Integer] on 127.0.0.1
    # @param workload [Workload] its URL, connections and streams count
    # @param seconds [Integer] how long
    # @return [Wrk::Result] what it counted; p50 and p99 are nil, for it tells none
    # @raise [Error] with what h2load said, when it did not run
    def self.run(port, workload, seconds)
      limit = ["timeout", "--foreground", "--signal=KILL", (seconds + PATIENCE).to_s]
      command = [*limit, "taskset", "-c", Server::CLIENT_CORE.to_s, *arguments(workload, seconds), workload.url(port)]
      output, status = Open3.capture2e(*command)
      raise Error, "leaves h2load waiting" if status.exitstatus == TIMED_OUT

      parse(output, seconds) or raise Error, "h2load did not run: #{output.strip}"
    end

    # @param workload [Workload] as for .run
    # @param seconds [Integer] as for .run
    # @return [String] the command as a person would type it
    def self.to_shell(workload, seconds)
      ["taskset -c #{Server::CLIENT_CORE}", *arguments(workload, seconds), workload.url("PORT")].join(" ")
    end

    def self.arguments(workload, seconds)
      ["h2load", "-t1", "-c#{workload.connections}", "-m#{workload.streams}", "-D#{seconds}"]
    end
    private_class_method :arguments

    def self.parse(output, seconds)
      counts = output[/^requests: (.+)/, 1] or return
      counted = counts.scan(/(\d+) (\w+)/).to_h { |number, name| [name, Integer(number, 10)] }
      statuses = output[/^status codes: (.+)/, 1].to_s.scan(/(\d+) ([345])xx/).sum { |number, _| Integer(number, 10) }
      Wrk::Result.new(requests: counted["succeeded"], seconds: Float(seconds), bytes: Integer(output[/\((\d+)\) total/, 1], 10),
                      connect: 0, read: counted["errored"], write: counted["failed"], status: statuses, timeout: counted["timeout"],
                      p50: nil, p99: nil)
    end
    private_class_method :parse
  end
end
