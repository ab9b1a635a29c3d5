# frozen_string_literal: true

require "open3"
require "rbconfig"
require "socket"
require "tmpdir"

module Bench
  # Penstock under valgrind, which counts its instructions: those of the process and of its threads, not the kernel's.
  class Callgrind
    # Seconds that the server may take to listen, and an answer to come: valgrind makes all of it some fifty times slower.
    PATIENCE = 120

    # Counts what the requests of the block cost.
    #
    # @param app [String] the file of benchmark/apps without ".ru"
    # @param warm_up [Integer] requests before the count begins, with which caches are filled
    # @param requests [Integer] requests that are counted, one behind the other on one connection
    # @return [Integer] instructions in all
    # @raise [RuntimeError] with what the server said, where it does not come up, or where valgrind cannot be used
    def self.count(app, warm_up:, requests:)
      Dir.mktmpdir { |folder| new(folder, app).count(warm_up, requests) }
    end

    # @param folder [String] where valgrind writes
    # @param app [String] as for .count
    def initialize(folder, app)
      @log = File.join(folder, "log")
      @port = TCPServer.open("127.0.0.1", 0) { |server| server.addr[1] }
      # What the JIT compiles, and when, is another matter.
      @pid = spawn({ "RUBY_YJIT_ENABLE" => nil },
                   "valgrind", "--tool=callgrind", "--instr-atstart=no", "--callgrind-out-file=#{folder}/callgrind.out",
                   RbConfig.ruby, "-rbundler/setup", "exe/penstock", "-q", "-b", "tcp://127.0.0.1:#{@port}", "-t", "1",
                   "-e", "production", "benchmark/apps/#{app}.ru",
                   chdir: File.expand_path("../../..", __dir__), in: File::NULL, out: @log, err: %i[child out])
    rescue Errno::ENOENT
      raise "valgrind is not there; as root, type:  apt-get install valgrind"
    end

    # @param warm_up [Integer] as for .count
    # @param requests [Integer] as for .count
    # @return [Integer] instructions
    def count(warm_up, requests)
      socket = connect
      ask(socket, warm_up)
      control("on")
      ask(socket, requests)
      control("off")
      stop
      Integer(File.read(@log)[/Collected : (\d+)/, 1] || raise("valgrind has counted nothing: #{File.read(@log)}"))
    ensure
      socket&.close
      kill
    end

    private

    def connect
      deadline = now + PATIENCE
      begin
        TCPSocket.new("127.0.0.1", @port)
      rescue Errno::ECONNREFUSED
        raise "Penstock did not come up: #{File.read(@log)}" if now > deadline || ended?

        sleep 0.1
        retry
      end
    end

    def ask(socket, requests)
      socket.timeout = PATIENCE if socket.respond_to?(:timeout=)
      requests.times do
        socket.write("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        head = socket.gets("\r\n\r\n").to_s
        raise "Penstock answers: #{head}" unless head.start_with?("HTTP/1.1 200 ")

        take_body(socket, head[/^content-length: (\d+)/i, 1])
      end
    end

    def take_body(socket, length)
      return socket.read(Integer(length, 10)) if length

      loop do
        size = Integer(socket.gets("\r\n"), 16)
        socket.read(size + 2)
        break if size.zero?
      end
    end

    def control(switch)
      output, status = Open3.capture2e("callgrind_control", "-i", switch, @pid.to_s)
      raise "valgrind does not count: #{output}" unless status.success? && output.include?("OK")
    end

    def stop
      Process.kill(:TERM, @pid)
      deadline = now + PATIENCE
      sleep 0.05 until ended? || now > deadline
    end

    def kill
      return if ended?

      Process.kill(:KILL, @pid)
      Process.wait(@pid)
    end

    def ended? = @ended ||= !Process.wait(@pid, Process::WNOHANG).nil?

    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end
end
