# frozen_string_literal: true

module Penstock
  # What `penstock --check` prints: each setting with its value, the unit and where it came from.
  class CheckReport
    # @param configuration [Configuration]
    # @raise [ConfigurationError] as {Configuration#settings} and {Settings#binds}.
    def initialize(configuration)
      @configuration = configuration
      @settings = configuration.settings
      @binds = @settings.binds
    end

    # @return [String] lines of "name  value unit  source", and where the server would listen.
    def to_s
      files = @configuration.files
      ["Configuration files: #{files.empty? ? "none" : files.join(", ")}",
       "Would listen on: #{@binds.join(", ")}",
       *aligned].join("\n")
    end

    private

    def aligned
      rows = @settings.to_h.map { |name, value| row(name, value) }
      name_width, value_width = rows.transpose.first(2).map { |column| column.map(&:size).max }
      rows.map { |name, value, source| "#{name.ljust(name_width)}  #{value.ljust(value_width)}  #{source}" }
    end

    def row(name, value)
      unit = Settings.fetch(name).type.unit
      [name.to_s, [value.inspect, (unit unless value.nil?)].compact.join(" "), @configuration.source(name)]
    end
  end
end
