# frozen_string_literal: true

require "fileutils"
require "socket"
require "tmpdir"
require_relative "eventually"

# A real redis-server in a child process, on a Unix socket in a folder of its own: no port, nothing kept on disk.
class RedisServer
  include Eventually

  # Starts one and waits until it answers.
  #
  # @raise [RuntimeError] if redis-server is missing or ends at once
  def initialize
    @folder = Dir.mktmpdir("redis")
    @pid = spawn_redis
    eventually(10) { answers? || ended? }
    raise "redis-server ended before it answered; it wrote:\n#{File.read(log)}" if @ended
  rescue StandardError
    stop
    raise
  end

  # @return [String] what `Redis.new(url: …)` and cable.yml take
  def url
    "unix://#{socket}"
  end

  # Ends it; may be called again.
  def stop
    Process.kill(:KILL, @pid) if @pid && !ended?
    eventually(10) { ended? } if @pid
  ensure
    FileUtils.rm_rf(@folder)
  end

  private

  def spawn_redis
    options = { port: 0, unixsocket: socket, save: "", appendonly: "no", dir: @folder }
    Process.spawn("redis-server", *options.flat_map { |name, value| ["--#{name}", value.to_s] },
                  in: File::NULL, out: log, err: %i[child out])
  rescue Errno::ENOENT
    raise "redis-server is not installed: run bin/setup"
  end

  def answers?
    UNIXSocket.open(socket) do |connection|
      connection.write("PING\r\n")
      connection.gets == "+PONG\r\n"
    end
  end

  def ended?
    @ended ||= !Process.wait(@pid, Process::WNOHANG).nil?
  end

  def socket
    File.join(@folder, "redis.sock")
  end

  def log
    File.join(@folder, "redis.log")
  end
end
