# frozen_string_literal: true

module Penstock
  # Above every error that Penstock itself raises. What IO raises (IOError, Errno::EPIPE…), streams raise as IO does.
  class Error < StandardError; end

  # A setting, a bind or a configuration file cannot be used. The message is one line that says what to do.
  class ConfigurationError < Error; end

  # A call into a server that was started before this process was forked from its own.
  class ForkError < Error; end

  # A write to a stream whose client does not keep up, where the stream's policy is `:raise`.
  class SlowConsumerError < Error; end
end
