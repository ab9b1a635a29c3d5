# frozen_string_literal: true

require "ferrum"

module Chat
  # Chromium without a window.
  module Browser
    # What keeps it quiet, and lets it run as root and without a graphics card.
    FLAGS = %w[
      no-sandbox disable-gpu disable-quic no-first-run disable-background-networking disable-component-update disable-sync
    ].to_h { |name| [name, nil] }.freeze

    # @param flags [Hash{String => String, nil}] further ones
    # @return [Ferrum::Browser] with an empty profile; the caller quits it
    # @raise [RuntimeError] if there is no Chromium
    def self.start(flags: {})
      Ferrum::Browser.new(headless: true, browser_options: FLAGS.merge(flags), process_timeout: 30, timeout: 20, window_size: [640, 760])
    rescue Ferrum::BinaryNotFoundError
      raise "Chromium is not installed: run bin/setup"
    end
  end
end
