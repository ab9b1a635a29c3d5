# frozen_string_literal: true

require_relative "bind"
require_relative "development_certificate"
require_relative "settings_table"
require_relative "spelling"

module Penstock
  # The settings of one server: each row of {SettingsTable} with its value. Frozen.
  class Settings
    # @return [Hash{Symbol => Setting}] the table.
    def self.table = SettingsTable::ROWS

    # @param name [Symbol]
    # @return [Setting] the row of that name.
    # @raise [ConfigurationError] if there is none, with the name that was probably meant.
    def self.fetch(name)
      table.fetch(name) do
        raise ConfigurationError, "unknown setting #{name}: #{Spelling.hint(name, table.keys)}`penstock --check` lists all"
      end
    end

    # @param given [Hash{Symbol => Object}] values by the names of the table; the others get their defaults.
    # @raise [ConfigurationError] for a name that is not in the table, a value that it does not take, a URL in `bind` that cannot
    #   be read, or a `tls_dev` without effect.
    def initialize(**given)
      given.each_key { |name| self.class.fetch(name) }
      @values = {}
      self.class.table.each_value do |setting|
        name = setting.name
        @values[name] = given.key?(name) ? setting.convert(given[name], @values) : setting.default(@values)
      end
      @values.freeze
      @parsed = parse.freeze
      freeze
    end

    # A reader for each setting. The one called `methods` stands before Ruby's method of that name, as in the table.
    SettingsTable::ROWS.each_key { |name| define_method(name) { |*| @values[name] } }

    # @return [Hash{Symbol => Object}] all values by name.
    def to_h = @values.dup

    # @return [Array<Bind>] where to listen, an address for each socket and none twice: `bind`, or `port` by the environment
    #   where nothing is bound.
    # @raise [ConfigurationError] if a host name cannot be resolved.
    def binds
      places = @parsed
      places = [default_place] if places.empty?
      # Of port 0 each place is a port of its own.
      places.flat_map(&:resolve).uniq { |place| place.port&.zero? ? place : place.to_s }
    end

    private

    def parse
      places = bind.map { |url| Bind.parse(url, backlog: backlog, certificate: certificate) }
      return places if !tls_dev || places.empty? || places.any? { |place| place.certificates == [certificate] }

      # Whoever asks for TLS must not be served without it in silence.
      raise ConfigurationError, "tls_dev: it has no effect on #{places.join(", ")}; bind ssl://HOST:PORT, with no cert, or leave it out"
    end

    def default_place
      Bind.default(port, development: environment == "development", backlog: backlog, certificate: certificate)
    end

    def certificate = tls_dev ? DevelopmentCertificate.paths : nil
  end
end
