# frozen_string_literal: true

require "rack/rewindable_input"

module Penstock
  # The `rack.input` of a request whose body is read as it comes, under Rack 2, whose SPEC wants it to rewind. Rack's own class
  # receives the whole body into a file when the application first reads.
  class RewindableInput < Rack::RewindableInput
    private

    # A body that broke off must not look like a whole one when it is read again.
    def make_rewindable
      super
    rescue Exception # rubocop:disable Lint/RescueException -- whatever interrupts it; it is raised again.
      close
      raise
    end
  end
end
