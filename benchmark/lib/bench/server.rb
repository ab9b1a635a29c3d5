# frozen_string_literal: true

require "socket"
require "tempfile"

module Bench
  # A server in a process of its own, on the first core.
  class Server
    # The server's core; the client has the next one.
    CORE = 0

    # The core of wrk and of the client that holds connections.
    CLIENT_CORE = 1

    # Seconds that a server may take to listen, and to end.
    PATIENCE = 20

    # Descriptors that a server needs beside its connections.
    SPARE_DESCRIPTORS = 512

    # A server is at rest when its processes take less than so much of a core.
    AT_REST = 0.02

    # Seconds over which that is looked at, and seconds after which it is not waited for any longer.
    REST_INTERVAL = 0.1
    REST_PATIENCE = 10

    # What the person who measures may have set for other purposes.
    FOREIGN = %w[BIND PORT WEB_CONCURRENCY RAILS_MAX_THREADS PUMA_MAX_THREADS RACK_ENV RAILS_ENV].freeze

    # @return [Integer] the port on 127.0.0.1
    attr_reader :port

    # @return [ProcessTree] the server's processes
    attr_reader :tree

    # Starts a server and waits until it listens.
    # @param peer [Peer] which one
    # @param connections [Integer] how many it has to be able to hold
    # @param options [Hash] of Peer#command, without the port
    # @raise [Error] with what the server said, when it does not come up
    def initialize(peer, connections: 1000, **options)
      @port = Server.free_port
      @log = Tempfile.new("bench-server")
      descriptors = Server.descriptor_limit(connections)
      @pid = spawn(
        FOREIGN.to_h { [_1, nil] }.merge(peer.env(port: @port, **options)),
        "taskset", "-c", CORE.to_s, *peer.command(port: @port, **options),
        out: @log.path, err: %i[child out], in: File::NULL, chdir: ROOT, rlimit_nofile: descriptors
      )
      @tree = ProcessTree.new(@pid)
      wait_until_it_listens
    end

    # Ends the server, with force where it does not end by itself, and waits for that.
    def stop
      signal(:TERM)
      kill_all unless ended_within?(PATIENCE)
      Process.wait(@pid) unless @ended
      @ended = true
    end

    # Waits until requests that a client has left behind are done with, so that they do not burden the next server.
    def rest
      (REST_PATIENCE / REST_INTERVAL).to_i.times do
        before = tree.cpu
        sleep REST_INTERVAL
        break if tree.cpu - before < AT_REST * REST_INTERVAL * 1e9
      end
    end

    # @return [String] all that the server has printed
    def log = File.read(@log.path)

    # @return [Integer] a port of 127.0.0.1 where nobody listens
    def self.free_port = TCPServer.open("127.0.0.1", 0) { |server| server.addr[1] }

    # @param connections [Integer] how many a process has to hold
    # @return [Array<Integer>] the soft and the hard limit of descriptors for it
    # @raise [Error] where the machine does not allow so many
    def self.descriptor_limit(connections)
      needed = connections + SPARE_DESCRIPTORS
      _, hard = Process.getrlimit(:NOFILE)
      return [hard, hard] if hard >= needed
      return [needed, needed] if Process.uid.zero?

      raise Error, "#{connections} connections need #{needed} descriptors and the limit is #{hard}: " \
                   "raise it (ulimit -Hn), or take fewer with --connections"
    end

    private

    def wait_until_it_listens
      deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + PATIENCE
      until @tree.listens_on?(@port)
        late = Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline
        if late || ended_within?(0)
          stop
          raise Error, "did not come up: #{(log.lines.first || "it said nothing").strip.gsub("#{ROOT}/", "")}"
        end
        sleep 0.02
      end
    end

    def signal(name)
      Process.kill(name, @pid) unless @ended
    end

    # The processes of the server, those last that the others descend from.
    def kill_all
      @tree.pids.reverse_each do |pid|
        Process.kill(:KILL, pid)
      rescue Errno::ESRCH
        nil # It has ended by itself.
      end
    end

    def ended_within?(seconds)
      deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + seconds
      loop do
        @ended ||= !Process.wait(@pid, Process::WNOHANG).nil?
        return @ended if @ended || Process.clock_gettime(Process::CLOCK_MONOTONIC) >= deadline

        sleep 0.02
      end
    end
  end
end
