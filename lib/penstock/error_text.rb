# frozen_string_literal: true

module Penstock
  # What the log says of an application's error.
  module ErrorText
    # @param error [Exception] whose own methods may raise.
    # @return [String] class, message, backtrace and causes, as far as they can be told; without a line end.
    def self.of(error)
      error.full_message(highlight: false, order: :top).chomp
    rescue Exception => e # rubocop:disable Lint/RescueException -- the one who logs must not be stopped by what is logged.
      type = Kernel.instance_method(:class).bind_call(error)
      "#{type}, whose message cannot be told (asking for it raised #{e.class})"
    end
  end
end
