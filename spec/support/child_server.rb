# frozen_string_literal: true

require "rbconfig"
require_relative "eventually"

# A server in a process of its own, started from the command line.
class ChildServer
  include Eventually

  # Seconds that the command may take until it says where it listens.
  BOOT_TIMEOUT = 45

  # What the start line says: a scheme, an address and a port that is no longer 0.
  START_LINE = %r{\b(?<scheme>https?|tcp)://(?<host>\[[^\]\s]+\]|[^\s:/]+):(?<port>[1-9]\d*)}

  # Variables that would give settings to the server; the child gets none of them unless the spec asks.
  SETTINGS = %w[BIND PORT RACK_ENV RAILS_ENV RAILS_MAX_THREADS WEB_CONCURRENCY LISTEN_FDS LISTEN_PID].freeze

  # @return [Integer] the process's id
  attr_reader :pid

  # @param command [Array<String>] the command line
  # @param env [Hash{String => String, nil}] variables for the child
  # @param chdir [String] its working directory
  # @param options [Hash] further options of Process.spawn (descriptors to inherit)
  def initialize(command, env: {}, chdir: Dir.pwd, options: {})
    reader, writer = IO.pipe
    cleared = SETTINGS.to_h { |name| [name, nil] }
    @pid = Process.spawn(cleared.merge(env), *command, chdir: chdir, in: File::NULL, out: writer, err: writer, pgroup: true, **options)
    writer.close
    @output = String.new(encoding: Encoding::UTF_8)
    @drainer = Thread.new { drain(reader) }
    @drainer.name = "output of #{@pid}"
  end

  # Waits for the start line.
  #
  # @param pattern [Regexp] what it looks like
  # @return [self]
  def wait_until_ready(pattern = START_LINE)
    eventually(BOOT_TIMEOUT) { output.match?(pattern) || ended? }
    # One that ends at once may have said it, and what it wrote is still on its way.
    @drainer.join(1) if ended?
    return self if output.match?(pattern)

    raise "the server ended (#{@status.inspect}) before it listened; it wrote:\n#{output}"
  end

  # @return [String] all that the process wrote so far, standard output and standard error
  def output
    @output.dup.scrub
  end
  alias log output

  # @return [String] the address that the start line names
  def host
    output.match(START_LINE)[:host]
  end

  # @return [Integer] the port that the start line names
  def port
    output.match(START_LINE)[:port].to_i
  end

  # @return [String] `http://host:port` or `https://host:port`
  def url
    "#{output.match(START_LINE)[:scheme] == "https" ? "https" : "http"}://#{host}:#{port}"
  end

  # @param name [String, Symbol] "TERM", :INT…
  def signal(name)
    Process.kill(name, pid)
  end

  # @param timeout [Numeric] seconds
  # @return [Process::Status] once the process has ended and all its output is here
  def wait(timeout = 10)
    eventually(timeout) { ended? }
    @drainer.join(1)
    @status
  end

  # Whether the process has ended.
  def ended?
    return true if @status

    _, @status = Process.wait2(pid, Process::WNOHANG)
    !@status.nil?
  end

  # Ends the process and all that it started.
  def kill
    Process.kill(:KILL, -pid)
  rescue Errno::ESRCH
    nil # it and its children have ended already
  ensure
    wait
    @drainer.kill.join
  end

  private

  def drain(reader)
    while (bytes = reader.readpartial(65_536))
      @output << bytes.force_encoding(Encoding::UTF_8)
    end
  rescue EOFError
    reader.close
  end
end
