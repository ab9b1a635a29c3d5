# frozen_string_literal: true

module Penstock
  # `rack.errors`: writes to the server's log, which never makes an application wait.
  class ErrorStream
    # @param engine [Engine]
    def initialize(engine)
      @engine = engine
      @sync = true
    end

    # @return [Integer] bytes.
    def write(*parts)
      text = parts.join
      @engine.log_raw(text)
      text.bytesize
    end

    # @return [self]
    def <<(part)
      write(part)
      self
    end

    # @return [nil]
    def puts(*lines)
      lines = lines.flatten
      lines << "" if lines.empty?
      write(lines.map { |line| line.to_s.end_with?("\n") ? line : "#{line}\n" }.join)
      nil
    end

    # @return [nil]
    def print(*parts)
      write(*parts)
      nil
    end

    # @return [self] what was written is on its way already.
    def flush = self

    # Closes nothing, since the log is the server's (Rack SPEC: it must never be closed). Logger takes for a device only
    # what has this method.
    # @return [nil]
    def close = nil

    # Written at once, whatever is asked for.
    # @return [Boolean]
    attr_accessor :sync
  end
end
