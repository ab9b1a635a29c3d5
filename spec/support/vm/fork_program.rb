# frozen_string_literal: true

require_relative "helper"

# A program whose server forks, for the specs of what a child may do.
module ForkProgram
  # Ruby, with two places to fill: how to fork, and what the child does. What that returns or raises is the child's report, and
  # the response to /fork; the child then waits until there was a request for /let-go.
  SOURCE = <<~'RUBY'
    require "json"

    # The sockets that this process holds, apart from standard streams.
    def sockets
      Dir.children("/proc/self/fd").map(&:to_i).select do |fd|
        fd > 2 && File.readlink("/proc/self/fd/#{fd}").start_with?("socket:")
      rescue Errno::ENOENT
        false
      end
    end

    $open = {}
    $group = Penstock::Group.new(heartbeat: 3600)
    $pids = []
    $gate, $opener = IO.pipe
    $server = start(threads: 4, early_hints: true) do |env|
      path = env["PATH_INFO"]
      case path
      when "/stream", "/upload" then [200, {}, ->(stream) { ($open[path] = stream).write("open") && $group << stream }]
      when "/hijack" then ($open[path] = env["rack.hijack"].call).write("open") && nil
      when "/held" then ($open[path] = env) && Thread::Queue.new.pop
      when "/opened" then [200, {}, [$open.keys.join(" ")]]
      when "/fork"
        reader, writer = IO.pipe
        pid = %<fork>s do
          reader.close
          report = begin
            %<child>s
          rescue Exception => e
            [e.class, e.message]
          end
          writer.write(JSON.dump(report))
          writer.close
          $gate.read(1)
        end
        writer.close
        $pids << pid
        [200, {}, [reader.read]]
      when "/close" then $open.each_value(&:close) && [200, {}, ["closed"]]
      when "/let-go"
        $opener.write("." * $pids.size)
        [200, {}, [$pids.map { |pid| Process.wait2(pid).last.exitstatus }.inspect]]
      else [200, {}, ["alive"]]
      end
    end
    $server.wait
  RUBY

  # Runs the program.
  #
  # @param child [String] Ruby for the child; the parent's open streams are in `$open` by path, its server is `$server`
  # @param fork [String] Ruby that forks: what takes a block for the child and returns its process id
  # @return [ChildServer]
  def forking_program(child, fork: "fork")
    run_program(format(SOURCE, child: child, fork: fork))
  end
end
