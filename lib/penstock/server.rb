# frozen_string_literal: true

require_relative "error_stream"
require_relative "error_text"
require_relative "registry"
require_relative "worker"

module Penstock
  # A server: an engine that runs the network, and the threads that call the application.
  class Server
    # Seconds for the threads to end once the network has.
    PATIENCE = 1

    # Keys of env that the native part sets for every request.
    ALWAYS_SET = %w[
      PATH_INFO REQUEST_PATH REQUEST_URI SERVER_NAME SERVER_PORT
      rack.response_finished rack.hijack penstock.queue_time penstock.stream
    ].freeze

    private_constant :PATIENCE, :ALWAYS_SET

    # Binds nothing and starts nothing.
    # @param app [#call] the application.
    # @param settings [Hash{Symbol => Object}] of the table of {Settings}.
    # @raise [ConfigurationError]
    def initialize(app, **settings)
      @app = app
      @settings = Settings.new(**settings)
      @lock = Mutex.new
      @stopped = Thread::Queue.new
      @drained = ConditionVariable.new
      @threads = []
    end

    # @return [Settings]
    attr_reader :settings

    # Listens, starts the threads and returns.
    # @return [self]
    # @raise [ConfigurationError] if an address cannot be had.
    # @raise [Error] if it was started before.
    def start
      @lock.synchronize do
        raise Error, "the server was started before; make a new one" if @engine

        DevelopmentCertificate.provide if @settings.tls_dev
        @template = {}
        @registry = Registry.new
        @engine = Engine.new(@settings.to_h, @settings.binds.map(&:to_h), @template, @registry)
        fill_template
        start_engine
        @settings.threads.times { |number| add_worker(number + 1) }
        add_caller
      end
      self
    end

    # Starts, and blocks until the server has stopped.
    # @return [void]
    def run
      start unless @engine
      wait
    end

    # Blocks until the server has stopped.
    # @return [void]
    # @raise [ForkError] in a forked child, which would wait for ever.
    def wait
      stats
      @stopped.pop
      nil
    end

    # Drains: runs the hooks of {Penstock.on_drain}, accepts no more, lets requests and streams end until the deadline, then ends
    # them. Returns once the server has stopped; may be called again: a second call waits for the first one until its own deadline,
    # then it ends what is left. It takes the drain over if the first one was interrupted.
    # @param timeout [Numeric, nil] seconds; nil: the setting `drain_timeout`.
    # @return [void]
    def stop(timeout: nil)
      return unless @engine

      timeout ||= @settings.drain_timeout
      deadline = timeout && (now + timeout)
      case turn_to_stop(deadline)
      when :drain then drain_and_stop(deadline)
      when :late then stop!
      end
    end

    # Ends at once: connections and streams are cut off.
    # @return [void]
    def stop!
      return if @engine.nil? || @stopped.closed?

      @stopping = true
      # First, since it raises in a forked child: the sockets are the parent's.
      @engine.drain
      @registry.shutdown_sockets
      @engine.stop
      Fork.forget(@engine)
      end_threads
      end_callbacks
      @engine.close_log(PATIENCE)
      @stopped.close
      nil
    ensure
      settle
    end

    # @return [String, nil] the first address; nil before the start.
    def url = urls.first

    # @return [Array<String>] the addresses, `http://host:port` or `unix://path`, with the ports that were picked.
    def urls = @engine ? @engine.urls : []

    # @return [Hash{Symbol => Integer}] counters: accepted, connections, requests, refused, hijacked, queued.
    def stats = @engine ? @engine.stats : {}

    # Reads the certificates of `ssl://` again, for the connections that are accepted from now on; those that are open go on.
    # @return [void]
    # @raise [ConfigurationError] if one cannot be used; the listener that it is for keeps those in force.
    def reload_certificates = @engine&.reload_certificates

    # Opens the log files again, after somebody has moved them.
    # @return [void]
    def reopen_logs = @engine&.reopen_logs

    private

    def start_engine
      Fork.watch(@engine)
      @engine.start
    rescue Error
      Fork.forget(@engine)
      raise
    end

    # The part of env that all requests share: what is the same for all, or for most of them, and the keys that are there in
    # each, with nil where the native part sets the value.
    def fill_template
      @template.update(
        "REQUEST_METHOD" => "GET",
        "SCRIPT_NAME" => "",
        "QUERY_STRING" => "",
        "SERVER_PROTOCOL" => "HTTP/1.1",
        "HTTP_VERSION" => "HTTP/1.1",
        "REMOTE_ADDR" => "127.0.0.1",
        "SERVER_SOFTWARE" => "penstock/#{VERSION}".freeze,
        "rack.url_scheme" => "http",
        "rack.errors" => ErrorStream.new(@engine),
        "rack.input" => EmptyInput.new,
        "rack.hijack?" => true
      )
      ALWAYS_SET.each { |key| @template[key] = nil }
      # Lint of Rack 3.0 wants it to be what SERVER_PROTOCOL is, which it is not on HTTP/2.
      @template.delete("HTTP_VERSION") if defined?(Rack::RELEASE) && Rack::RELEASE.start_with?("3.0.")
      @template.update(rack2) if defined?(Rack::RELEASE) && Rack::RELEASE.to_i < 3
      @template.freeze
    end

    # What Rack 2 asks for and Rack 3 has dropped.
    def rack2
      {
        "rack.version" => [1, 3].freeze,
        "rack.multithread" => @settings.threads > 1,
        "rack.multiprocess" => false,
        "rack.run_once" => false
      }
    end

    # A thread that the application has killed is replaced.
    def add_worker(number)
      worker = Worker.new(@engine, @app, development: @settings.environment == "development")
      @threads << thread("penstock worker #{number}") do
        worker.run
      ensure
        replace_worker(number) if killed?
      end
    end

    def replace_worker(number)
      @lock.synchronize do
        @threads.delete(Thread.current)
        add_worker(number) unless @stopping
      rescue ThreadError
        # The program ends, and Ruby makes no more threads.
        @stopping = true
      end
    end

    def thread(name, &block)
      Thread.new(&block).tap { |thread| thread.name = name }
    end

    # The thread of `on_close`, which is replaced as a worker is.
    def add_caller
      @callbacks = thread("penstock on_close") do
        call_back
      ensure
        add_caller if killed? && !@stopping
      end
    end

    # Whether somebody kills the current thread; the end of the process kills all.
    def killed? = Thread.current.status == "aborting" && Thread.main.alive?

    # What another thread raises in this one is none of the streams' matter, and must not cost the thread.
    def call_back
      while (id, error = @engine.next_ended)
        @registry.delete_callbacks(id).each { |block| guard { block.call(error) } }
      end
    rescue ForkError
      raise
    rescue Exception => e # rubocop:disable Lint/RescueException -- see above.
      log_error("an error reached the thread of on_close", e)
      retry
    end

    def guard
      yield
    rescue Exception => e # rubocop:disable Lint/RescueException -- one block must not keep the others from being called.
      log_error("a block of on_close raised", e)
    end

    def log_error(what, error)
      @engine.log(:error, "penstock: #{what}\n#{ErrorText.of(error)}")
    end

    # What a call of {#stop} has to do: :drain as the first, or after one that was interrupted; :late when its time was over
    # before the drain of another was; :nothing when that one has stopped the server.
    def turn_to_stop(deadline)
      @lock.synchronize do
        while @stopping
          return :nothing if @stopped.closed?
          return :late if deadline && now >= deadline

          @drained.wait(@lock, deadline && (deadline - now))
        end
        @stopping = true
        :drain
      end
    end

    def drain_and_stop(deadline)
      DrainHooks.run(deadline, log: ->(line) { @engine.log(:warn, "penstock: #{line}") }) { drain(deadline) }
      stop!
    ensure
      settle
    end

    # Whoever waits for another to stop the server looks again: an end that was interrupted can be begun again.
    def settle
      @lock.synchronize do
        @stopping = @stopped.closed?
        @drained.broadcast
      end
    end

    def drain(deadline)
      @engine.drain
      @engine.wait_idle(deadline && [deadline - now, 0].max)
    end

    def end_threads
      threads = [*@threads, @callbacks].compact - [Thread.current]
      deadline = now + PATIENCE
      threads.each { |thread| thread.join([deadline - now, 0].max) }
      threads.select(&:alive?).each(&:kill)
      threads.each { |thread| thread.join(PATIENCE) }
      @threads.clear
    end

    # Calls the blocks of `on_close` that the thread for it has not come to: a block has held it up, or nobody has told it.
    def end_callbacks
      blocks = @registry.close
      return if blocks.empty?

      stopped = Errno::EPIPE.new("the server stops")
      last = thread("penstock on_close") { guard { blocks.pop.call(stopped) } until blocks.empty? }
      return if last.join(PATIENCE)

      last.kill
      @engine.log(:error, "penstock: the server ends with #{blocks.size} blocks of on_close not called, since one of them does not " \
                          "return; have them only note what is to be done")
    end

    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end
end
