# frozen_string_literal: true

require "rack"
require "rack/lint"
require "rack/body_proxy"

# The ways in which an application hands over its streaming code: Rack's streaming body, bare or wrapped as middleware wraps it,
# and the partial hijack. Whatever the form, the same stream has to come out.
module StreamingForms
  # How often a body was called and closed.
  Counts = Struct.new(:calls, :closes)

  # A streaming body that counts what is done with it.
  class Body
    # @param counts [Counts]
    def initialize(counts, &block)
      @counts = counts
      @block = block
    end

    # Rack's way to run it.
    def call(stream)
      @counts.calls += 1
      @block.call(stream)
    end

    # Rack's end of a body.
    def close
      @counts.closes += 1
    end
  end

  # What middleware makes of a body: an object of its own that passes on what it knows.
  class PassedOn
    # @param body [Body]
    def initialize(body)
      @body = body
    end

    # Passes the stream on.
    def call(stream)
      @body.call(stream)
    end

    # Passes the end on.
    def close
      @body.close
    end
  end

  # The body of a response with a partial hijack, which is closed and not consumed.
  class Ignored
    # @param body [Body] that is told of the close
    def initialize(body)
      @body = body
    end

    # Not to be called.
    def each
      raise "the body of a partial hijack must not be consumed"
    end

    # Passes the end on.
    def close
      @body.close
    end
  end

  streaming = ->(headers, body) { [headers, body] }
  partial = ->(headers, body) { [headers.merge("rack.hijack" => body.method(:call)), Ignored.new(body)] }
  lint = ->(app) { Rack::Lint.new(app) }

  # By name: what makes headers and body of the response, and the middleware around the application, if any.
  ALL = {
    "a proc as the body" => [->(headers, body) { [headers, body.method(:call).to_proc] }, nil],
    "a body with call" => [streaming, nil],
    "a body with call through Rack::Lint" => [streaming, lint],
    "a body with call in a Rack::BodyProxy" => [->(headers, body) { [headers, Rack::BodyProxy.new(body) { nil }] }, nil],
    "a body with call that middleware wraps" => [->(headers, body) { [headers, PassedOn.new(body)] }, nil],
    "a partial hijack" => [partial, nil],
    "a partial hijack through Rack::Lint" => [partial, lint]
  }.freeze

  # @return [String] the Racks with which a form works: Lint of Rack 2 knows no body with `call`, and hides a stream's `<<`
  def self.rack(form)
    form.include?("Rack::Lint") ? ">= 3.0" : ">= 2.2"
  end

  # The two without wrapping: where they are told apart at all, it is by these.
  PLAIN = ["a body with call", "a partial hijack"].freeze

  # An application that streams in one of the forms, and at /ordinary answers at once.
  class App
    # @return [Thread::Queue] of the {Counts} of the bodies of all responses so far; the bodies themselves are not kept, since
    #   they would keep their streams from getting lost
    attr_reader :bodies

    # @param form [String] of {ALL}
    # @param run [#call] is called with the stream and env
    def initialize(form, status, headers, run)
      @form = form
      @status = status
      @headers = headers
      @run = run
      @bodies = Thread::Queue.new
    end

    # Rack's entry point.
    def call(env)
      return [200, {}, ["ordinary"]] if env["PATH_INFO"] == "/ordinary"

      counts = Counts.new(0, 0)
      @bodies << counts
      body = Body.new(counts) { |stream| @run.call(stream, env) }
      make = ALL.fetch(@form).first
      [@status, *make.call(@headers.dup, body)]
    end
  end

  # @return [Array(App, #call)] the application, and what is to be served
  def self.build(form, status: 200, headers: {}, &run)
    app = App.new(form, status, headers, run)
    wrap = ALL.fetch(form).last
    [app, wrap ? wrap.call(app) : app]
  end
end
