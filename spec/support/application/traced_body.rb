# frozen_string_literal: true

require_relative "trace"

# A Rack body with the methods that a spec gives it, each of which is noted in a trace, and with a `close` that is noted.
class TracedBody
  # @param trace [Trace]
  # @param methods [Hash{Symbol => Proc, nil}] the body's methods (`each`, `call`, `to_path`, `to_ary`, `close`); nil does
  #   nothing; a block that the method is given comes as the proc's last argument
  def initialize(trace, **methods)
    { close: nil }.merge(methods).each do |name, action|
      define_singleton_method(name) do |*arguments, &block|
        trace.note(name, *arguments)
        action&.call(*arguments, *[block].compact)
      end
    end
  end
end
