# frozen_string_literal: true

require_relative "development_certificate"
require_relative "errors"
require_relative "pidfile"
require_relative "signals"
require_relative "version"

module Penstock
  # Runs a server in the foreground: says where it listens, answers signals, drains.
  class Launcher
    # Seconds for a line about start or stop to be written.
    PATIENCE = 1

    private_constant :PATIENCE

    # @param settings [Settings]
    # @param out [IO] takes the lines about start and stop.
    # @param err [IO] takes what is wrong.
    # @yieldreturn [#call] the application; the block is called once, in {#run}.
    def initialize(settings, out: $stdout, err: $stderr, &application)
      @settings = settings
      @application = application
      @out = out
      @err = err
      @events = Thread::Queue.new
    end

    # Serves until {#stop} is called, the server is stopped otherwise, or a signal ends it.
    # @yieldparam launcher [Launcher] this, once the server listens.
    # @return [:drained, :cut] whether the drain came to its end, or a second signal cut it short. After :cut the process
    #   should end without waiting for anything.
    # @raise [Error] if it cannot start.
    def run
      Pidfile.new(@settings.pidfile).hold do
        application = @application.call
        Signals.to(@events) do
          start(application)
          yield self if block_given?
          watch
        ensure
          @server&.stop! unless @finished
        end
      end
    end

    # Begins the drain and returns at once. May be called from any thread, inside a trap and more than once.
    # @return [void]
    def stop
      @events << :stop
      nil
    end

    private

    def start(application)
      server = Server.new(application, **@settings.to_h)
      server.start
      @server = server
      greet
    rescue SystemCallError => e
      raise Error, "cannot start: #{e.message}; choose another place with -b or -p"
    end

    def greet
      threads = @settings.threads
      say("Penstock #{VERSION}, #{ruby}, #{threads} #{threads == 1 ? "thread" : "threads"}, #{@settings.environment}")
      say(DevelopmentCertificate.advice) if @settings.tls_dev
      @server.urls.each { |url| say("Listening on #{url}") }
    end

    def ruby
      yjit = defined?(RubyVM::YJIT) && RubyVM::YJIT.enabled?
      "Ruby #{RUBY_VERSION}#{" with YJIT" if yjit}"
    end

    def watch
      tell(:stopped) { @server.wait }
      loop do
        outcome = answer(@events.pop)
        return outcome if outcome
      end
    end

    # @return [:drained, :cut, nil] nil while the server goes on.
    def answer(event)
      case event
      when :stopped then finish(:drained)
      when :stop then drain("stop was called")
      when "INT", "TERM" then interrupt("SIG#{event}")
      when "HUP" then reload
      when "USR1", "USR2" then @err.puts("SIG#{event} is kept for restarts, which this version does not have")
      when Exception then raise event
      end
    end

    # Only signals are counted: a framework's own trap may call {#stop} and then the trap that it replaced, for one Ctrl-C.
    def interrupt(signal)
      return drain(signal) unless @interrupted

      say("#{signal} again: ending at once")
      @server.stop!
      finish(:cut)
    ensure
      @interrupted = true
    end

    # The thread of the signals stays free for the next one.
    def drain(reason)
      return if @draining

      limit = @settings.drain_timeout
      say("Stopping (#{reason})#{": #{limit} s for what is under way" if limit}")
      @draining = tell(:stopped) { @server.stop }
      nil
    end

    def finish(outcome)
      @draining&.join if outcome == :drained
      @finished = true
      say("Stopped") if outcome == :drained
      outcome
    end

    def reload
      @server.reopen_logs
      @server.reload_certificates
      nil
    rescue ConfigurationError => e
      @err.puts("penstock: the certificates in force stay: #{e.message}")
    end

    # Runs the block on a thread of its own, and tells the loop what became of it.
    def tell(event)
      Thread.new do
        yield
        @events << event
      rescue StandardError => e
        @events << e
      end
    end

    # A pipe that is full because nobody reads it must not keep the server from stopping: the line is waited for only so long,
    # and nothing of it stays in a buffer that the end of the process would wait for.
    def say(line)
      return if @settings.quiet

      @out.sync = true
      writer = Thread.new { @out.puts(line) }
      writer.report_on_exception = false
      writer.join(PATIENCE)
    end
  end
end
