# frozen_string_literal: true

require_relative "configuration"

module Penstock
  # The options that rackup, Rails and Sinatra call a handler with, as a {Configuration}.
  #
  # All of them pass a host and a port whether or not a person gave them. Rails says which ones were given
  # (`user_supplied_options`). Elsewhere a port counts as given unless it is rackup's own (the Integer 9292; from the command
  # line it would be a String), and a host unless it is the one that rackup takes by itself in this environment. What was
  # given goes before configuration files, what was not comes after them and the environment.
  class RackOptions
    # What these three pass and Penstock has no use for, or is their own business (the pid file).
    FOREIGN = %i[
      AccessLog DoNotReverseLookup app binding builder caching config daemonize heapfile include log_stdout pid
      profile_file profile_mode require restart_cmd server signals user_supplied_options using warn
    ].freeze

    # What people used to Puma write, and the setting of that meaning.
    ALIASES = { Threads: :threads, Silent: :quiet, Verbose: :access_log }.freeze

    # The port that rackup takes where none is given.
    RACKUP_PORT = 9292

    # @return [Hash{String => String}] each `-O` option and what it does, as rackup prints them.
    def self.descriptions
      { "Host=HOST" => "Host to listen on", "Port=PORT" => "Port to listen on",
        "config_file=FILE" => "Configuration file, in place of #{Configuration::FILE}" }
        .merge(Settings.table.values.reject(&:needs).to_h { |setting| ["#{setting.name}=VALUE", setting.doc] })
    end

    # @return [Array<String>] lines about options that are not known and have no effect.
    attr_reader :warnings

    # @param options [Hash{Symbol => Object}] as a handler's `run` is given them; the values are Strings or true where they
    #   come from `-O`.
    def initialize(options)
      @options = options.compact
      @warnings = []
      @flags = {}
      @fallback = {}
      sort
    end

    # @param env [Hash{String => String}, ENV]
    # @return [Configuration]
    # @raise [ConfigurationError] for a configuration file that cannot be used.
    def configuration(env: ENV)
      Configuration.new(flags: @flags, file: @options[:config_file], env: env, fallback: @fallback)
    end

    private

    def sort
      listen
      @options.except(:Host, :Port, :config_file, *FOREIGN).each do |key, value|
        name = ALIASES.fetch(key, key)
        next @flags[name] ||= given(value, key) if Settings.table.key?(name)

        @warnings << "the option #{key} is unknown and has no effect; rackup -s penstock -h lists the options"
      end
    end

    def listen
      host, port = @options.values_at(:Host, :Port)
      return @flags[:bind] = given(url(host, port || RACKUP_PORT), :Host) if host_given?

      target = port_given? ? @flags : @fallback
      target[:port] = given(port, :Port) if port
    end

    def given(value, key) = Given.new(value, "option #{key}")

    def port_given?
      return supplied.include?(:Port) if supplied

      @options.key?(:Port) && @options[:Port] != RACKUP_PORT
    end

    def host_given?
      return supplied.include?(:Host) && @options.key?(:Host) if supplied

      @options.key?(:Host) && @options[:Host] != (development? ? "localhost" : "0.0.0.0")
    end

    def supplied = @options[:user_supplied_options]

    def development? = @options.fetch(:environment) { ENV.fetch("RACK_ENV", "development") }.to_s == "development"

    # A host may be a URL or the path of a Unix socket, as Puma takes it.
    def url(host, port)
      return host if host.include?("://")
      return "unix://#{host}" if host.start_with?("/", ".")

      "tcp://#{host.include?(":") && !host.start_with?("[") ? "[#{host}]" : host}:#{port}"
    end
  end
end
