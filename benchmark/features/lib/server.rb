# frozen_string_literal: true

require "socket"
require "tmpdir"
require "fileutils"
require_relative "../../lib/bench/process_tree"
require_relative "../../lib/bench/certificate"

module Features
  # One server in processes of its own, with a folder through which the application and the checks talk to each other past
  # the server: a file that exists is a signal, its text a fact.
  class Server
    # Seconds that a server may take to listen, and to end when a check is over.
    PATIENCE = 30

    # @return [Integer] the port on 127.0.0.1
    attr_reader :port

    # @param peer [Peer]
    # @param app [String] name of a file in apps/
    # @param tls [Boolean] whether it speaks TLS, with a certificate for localhost
    # @param options [Hash] processes: of Peer#command
    # @raise [No] with what the server said, when it does not come up
    def initialize(peer, app, tls: false, **options)
      @folder = Dir.mktmpdir("features")
      @tls = tls
      options[:tls] = Bench::Certificate.write(@folder) if tls
      @port = TCPServer.open("127.0.0.1", 0) { |server| server.addr[1] }
      @log = File.join(@folder, "log")
      command = peer.command(port: @port, app: File.join(ROOT, "benchmark/features/apps", app), **options)
      @pid = spawn({ "FEATURES_FOLDER" => @folder, "RACK_ENV" => "production", "RAILS_ENV" => "production" }, *command,
                   out: @log, err: %i[child out], in: File::NULL, chdir: @folder)
      @tree = Bench::ProcessTree.new(@pid)
      wait_until_it_listens
    end

    # @return [String] the address of its first listener
    def url = "#{@tls ? "https" : "http"}://127.0.0.1:#{port}"

    # @return [String] all that the server printed
    def log = File.read(@log).scrub

    # @param name [String] a signal that the application waits for
    def tell(name) = File.write(File.join(@folder, name), "")

    # @param name [String]
    # @param seconds [Numeric] how long to wait for it
    # @return [String, nil] what the application has told under that name; nil: nothing in that time
    def fact(name, seconds = 5)
      path = File.join(@folder, name)
      Features.within(seconds) { File.read(path) if File.exist?(path) }
    end

    # @return [Integer] bytes of resident memory of its processes
    def resident = @tree.resident

    # @param client_port [Integer] of a connection to 127.0.0.1
    # @return [Boolean] whether a process still has the server's end of it open. A client that does not read cannot see that
    def holds?(client_port)
      ends = [port, client_port].map { |number| format(":%04X", number) }
      %w[tcp tcp6].any? do |table|
        File.foreach("/proc/net/#{table}").map(&:split).any? do |fields|
          # The inode of a socket that belongs to no process any more is 0.
          fields[1].end_with?(ends[0]) && fields[2].end_with?(ends[1]) && fields[9] != "0"
        end
      end
    end

    # @param name [Symbol] a signal for the first process
    def kill(name) = Process.kill(name, @pid)

    # @param seconds [Numeric]
    # @return [Process::Status, nil] nil: it has not ended in that time
    def ended(seconds)
      @status || Features.within(seconds) { @status = Process.wait2(@pid, Process::WNOHANG)&.last }
    end

    # Ends the server and all its processes, those too that have left its process group.
    def stop
      @tree.pids.reverse_each { |pid| end_process(pid) } unless @status
    ensure
      ended(PATIENCE)
      FileUtils.rm_rf(@folder)
    end

    private

    def wait_until_it_listens
      return if Features.within(PATIENCE) { ended(0) || listening? } && !@status

      said = log.lines.grep(/\S/).first.to_s.strip
      stop
      raise No, "does not start: #{said}"
    end

    def end_process(pid)
      Process.kill(:KILL, pid)
    rescue Errno::ESRCH
      nil # It has ended by itself.
    end

    def listening?
      Socket.tcp("127.0.0.1", port, connect_timeout: 1).close
      true
    rescue SystemCallError
      false
    end
  end
end
