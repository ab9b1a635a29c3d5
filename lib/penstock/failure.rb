# frozen_string_literal: true

module Penstock
  # How an error that keeps the server from starting is told.
  module Failure
    # @param error [Exception]
    # @param debug [Boolean] whether to add the backtrace, and that of its cause.
    # @return [String] one line; more of them for `debug`.
    def self.text(error, debug: false)
      line = "penstock: #{error.message.lines.map(&:strip).reject(&:empty?).join(" ")}"
      debug ? "#{line}\n#{error.full_message(highlight: false)}" : line
    end
  end
end
