# frozen_string_literal: true

require_relative "error_page"
require_relative "error_text"
require_relative "response"

module Penstock
  # Calls the application with one request after another, on a thread of its own. Whatever the application does, the request is
  # answered, its body is closed, and its `rack.response_finished` callables run, all on this thread.
  class Worker
    # @param engine [Engine]
    # @param app [#call]
    # @param development [Boolean] whether an error shows in the browser.
    def initialize(engine, app, development:)
      @engine = engine
      @app = app
      @development = development
    end

    # Works until the server takes no more requests. What another thread raises in this one between two requests (a time-out
    # that comes too late) must not cost the thread. A child process, in which the application has gone on, leaves this with
    # what the application or Penstock raises there.
    # @return [void]
    # @raise [ForkError] in a child process.
    def run
      process_all
    rescue Exception => e # rubocop:disable Lint/RescueException -- see above.
      raise unless @engine.ours?

      @engine.log(:error, "penstock: an error reached a thread that was not calling the application\n#{ErrorText.of(e)}")
      retry
    end

    private

    def process_all
      while (stream = @engine.take)
        process(stream)
      end
    end

    def process(stream)
      env = stream.env
      status, headers, body = @app.call(env)
      # The frequent case, in one step: true where nothing is left to do, nil where it is another case.
      over = stream.answer(status, headers, body)
      Response.send(stream, status, headers, body) if over.nil? && !hijacked?(stream, status)
      settled = true
    rescue Exception => e # rubocop:disable Lint/RescueException -- the thread outlives whatever the application raises.
      raise unless @engine.ours?

      failure = e
      guard(env) do
        fail_with(e, env, stream)
        settled = true
      end
    ensure
      # Not in a child, in which the application goes on that has forked without a block: the request is the parent's to end.
      if !over && (settled || @engine.ours?)
        break_off(stream) unless settled
        finish(env, stream, body) { [status, headers, failure] }
      end
    end

    # After a full hijack what the application returns is ignored, but for the body's `close`.
    def hijacked?(stream, status)
      return true if stream.hijacked?
      return false if status.respond_to?(:to_i) && status.to_i.positive?

      raise Error, "the application returned #{status.inspect} as status and has not hijacked the connection; " \
                   "return what Rack's SPEC asks for, [status, headers, body]"
    end

    # The client sees an error where it has seen nothing yet, else a response that is broken off.
    def fail_with(error, env, stream)
      return log_error(error, env) if stream.hijacked?

      if stream.answered?
        client_left = stream.closed? && !stream.finished? && (error.is_a?(Errno::EPIPE) || error.is_a?(Errno::ECONNRESET))
        stream.abort
        return if client_left
      else
        status = stream.input_failure
        return ErrorPage.refuse(stream, status) if status

        ErrorPage.send(stream, error, env, development: @development)
      end
      log_error(error, env)
    end

    # The thread is being killed, or something was thrown through it.
    def break_off(stream)
      return if stream.hijacked?

      stream.answered? ? stream.abort : ErrorPage.refuse(stream, 500)
    end

    # Each step is taken also where the one before has killed the thread. The block gives what the callables are called with.
    def finish(env, stream, body)
      guard(env) { body.close if body.respond_to?(:close) }
    ensure
      callables = Array(env["rack.response_finished"])
      callables.empty? ? stream.release : conclude(env, stream, callables.dup, yield)
    end

    # Rack SPEC, "rack.response_finished": in reverse, each for itself.
    def conclude(env, stream, callables, result)
      guard(env) { callables.pop.call(env, *result) } until callables.empty?
    ensure
      callables.empty? ? stream.release : conclude(env, stream, callables, result)
    end

    def guard(env)
      yield
    rescue Exception => e # rubocop:disable Lint/RescueException -- the thread and what follows outlive it.
      log_error(e, env)
    end

    def log_error(error, env)
      @engine.log(:error, "penstock: #{env["REQUEST_METHOD"]} #{env["REQUEST_PATH"]} raised\n#{ErrorText.of(error)}")
    end
  end
end
