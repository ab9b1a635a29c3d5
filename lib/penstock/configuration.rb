# frozen_string_literal: true

require_relative "configuration_file"
require_relative "given"
require_relative "handed_over_sockets"
require_relative "settings"

module Penstock
  # Where settings come from: flags go before files, files before the environment, and that before the defaults. Of the files
  # `config/penstock/ENV.rb` goes before `config/penstock.rb`.
  #
  # `bind` and `port` are one thing here, the place to listen: what gives either of them hides both of what comes after it,
  # and what gives both has both served.
  class Configuration
    # The file for every environment.
    FILE = "config/penstock.rb"

    # @return [Array<String>] the configuration files that were read, in order.
    attr_reader :files

    # Reads the files.
    # @param flags [Hash{Symbol => Given}] what goes before everything.
    # @param file [String, nil] the one configuration file to read; nil: those of `config/` that exist.
    # @param env [Hash{String => String}, ENV] environment variables.
    # @param fallback [Hash{Symbol => Given}] what goes before the defaults alone (those of a framework).
    # @raise [ConfigurationError] for a file that cannot be read or that raises.
    def initialize(flags: {}, file: nil, env: ENV, fallback: {})
      @flags = flags
      @variables = variables(env)
      @fallback = fallback
      @sockets = HandedOverSockets.urls(env)
      @files = []
      @read = file ? [read(file)] : conventional
    end

    # @return [Settings]
    # @raise [ConfigurationError] naming the setting and where its value came from.
    def settings
      Settings.new(**given.transform_values(&:value))
    rescue ConfigurationError => e
      source = given[e.message[/\A\w+/].to_sym]&.source
      raise ConfigurationError, [e.message, source && "(given by #{source})"].compact.join(" ")
    end

    # @param name [Symbol] a setting.
    # @return [String] where its value comes from.
    def source(name) = given[name]&.source || "default"

    # @return [Hash{Symbol => Given}] what was given, the first of all places for each setting.
    def given
      @given ||= layers.reverse.reduce({}, :merge).except(:bind, :port).merge(place)
    end

    private

    def layers = [@flags, *@read.reverse, @variables, @fallback]

    # Sockets that were handed over are served beside what a flag binds, and in place of all else.
    def place
      return in_place(layers.find { |layer| layer.key?(:bind) || layer.key?(:port) } || {}) if @sockets.empty?

      bound = @flags[:bind]
      { bind: Given.new([*bound&.value, *@sockets], [*bound&.source, "LISTEN_FDS"].join(", ")) }
    end

    def in_place(layer)
      place = layer.slice(:bind, :port)
      return place if place.size < 2

      bind, port = place.values_at(:bind, :port)
      place.merge(bind: Given.new([*bind.value, *default_url(port.value)], "#{bind.source}, #{port.source}"))
    end

    # The port beside a bind, as a URL; nil for what is no port, which the settings will refuse.
    def default_url(port)
      number = Integer(port.to_s, 10, exception: false)
      Bind.default(number, development: environment == "development", certificate: certificate).to_s if number
    end

    def environment = value_of(:environment).to_s

    # That of `tls_dev`; nil also for what is no value of it, which the settings will refuse.
    def certificate
      DevelopmentCertificate.paths if Settings.fetch(:tls_dev).convert(value_of(:tls_dev), {})
    rescue ConfigurationError
      nil
    end

    # The value of a setting that is needed before all of them are known.
    def value_of(name)
      layer = layers.find { |candidate| candidate.key?(name) }
      layer ? layer[name].value : Settings.fetch(name).default({})
    end

    def variables(env)
      Settings.table.each_with_object({}) do |(name, setting), found|
        variable = setting.variables.find { |candidate| !env[candidate].to_s.empty? }
        found[name] = Given.new(env[variable], variable) if variable
      end
    end

    # The second name depends on the environment, which the first file may give.
    def conventional
      @read = [FILE].select { |path| File.file?(path) }.map { |path| read(path) }
      ["config/penstock/#{environment}.rb"].select { |path| File.file?(path) }.each { |path| @read << read(path) }
      @read
    end

    def read(path)
      @files << path
      ConfigurationFile.read(path)
    end
  end
end
