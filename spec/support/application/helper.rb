# frozen_string_literal: true

require_relative "traced_body"

# Serves applications whose steps are recorded. Included by the groups that need it.
module ApplicationHelper
  # Names of the callables that every traced application puts into `rack.response_finished`, in the order of registration.
  CALLABLES = %i[first_callable second_callable].freeze

  # Gives the group `trace`, the Trace of the example. By `let`: the example and the application's threads must get the same one,
  # whoever asks for it first.
  def self.included(group)
    group.let(:trace) { Trace.new }
  end

  # A server with an application that notes its call and its `rack.response_finished`; the block is the rest of it. A
  # request for /alive gets an ordinary response.
  #
  # @param settings [Hash] of Penstock::Server
  # @yieldparam env [Hash]
  # @yieldreturn [Array] the response
  # @return [RunningServer]
  def serve_traced(**settings)
    serve(**settings) do |env|
      next [200, {}, ["alive"]] if env["PATH_INFO"] == "/alive"

      trace.note(:call, env)
      CALLABLES.each { |name| env["rack.response_finished"] << ->(*arguments) { trace.note(name, *arguments) } }
      yield env
    end
  end

  # @param methods [Hash{Symbol => Proc, nil}] of TracedBody
  # @return [TracedBody] in the example's trace
  def traced_body(**methods)
    TracedBody.new(trace, **methods)
  end

  # Waits until the exchange is over, and expects that each of its callables was called once, the last one first, with what
  # Rack's SPEC says, on the thread that called the application.
  #
  # @param status [Integer, nil] of the application's response; nil: it returned none
  # @param error [Class, nil] of what `call`, `each` or `call` of the body raised
  # @return [void]
  def expect_finished(status:, error: nil)
    expect_finished_calls
    steps = trace.steps.select { |step| CALLABLES.include?(step.name) }
    call = trace.of(:call).first
    arguments = match(finished_arguments(call, status, error))
    expect(steps).to match(CALLABLES.reverse.map { |name| have_attributes(name: name, thread: call.thread, arguments: arguments) })
  end

  # @return [Array] matchers of what a callable is given
  def finished_arguments(call, status, error)
    [be(call.arguments.first), eq(status), status ? respond_to(:each) : be_nil, error ? be_a(error) : be_nil]
  end

  # Waits until a body was closed, and expects that this happened once, on the thread that called the application, after
  # all that has to come before it.
  #
  # @return [void]
  def expect_closed_once
    expect_finished_calls
    expect(trace.count(:close)).to eq(1)
    expect(trace.of(:close).first.thread).to be(trace.of(:call).first.thread)
    expect(trace.names.last(3)).to eq([:close, *CALLABLES.reverse])
  end

  # Waits until the callables were called.
  def expect_finished_calls
    eventually { CALLABLES.all? { |name| trace.count(name).positive? } }
  end

  # @return [Array<Thread>] the threads of this process that call applications
  def workers
    Thread.list.select { |thread| thread.alive? && thread.name.to_s.start_with?("penstock worker") }
  end

  # Expects that every thread of a server calls the application: as many requests as it has threads are under way at once.
  # The server's application has to wait for `latch` at /held.
  #
  # @param server [RunningServer]
  # @param latch [Latch] that the application waits for
  # @param threads [Integer] how many there have to be
  # @return [void]
  def expect_all_threads(server, latch, threads)
    clients = Array.new(threads) { connect(server).write(request_bytes("GET", "/held")) }
    eventually { latch.waiting == threads }
    latch.open
    expect(clients.map { |client| client.read_response.status }).to all(eq(200))
  end
end
