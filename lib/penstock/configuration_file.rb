# frozen_string_literal: true

require_relative "drain_hooks"
require_relative "given"
require_relative "settings"

module Penstock
  # What a configuration file is evaluated in: each setting is a method that takes the value.
  #
  #   threads 8
  #   bind "unix:///run/app.sock?umask=0111"
  #   drain_timeout 20
  #   on_drain { Jobs.finish }
  #
  # `bind` may be repeated. A setting that is true or false is switched on by its name alone.
  class ConfigurationFile
    # @param path [String] the file.
    # @return [Hash{Symbol => Given}] what the file gives, by the names of the settings.
    # @raise [ConfigurationError] with the line, for a file that cannot be read or that raises.
    def self.read(path) = new(path).read

    # @param path [String] the file.
    def initialize(path)
      @path = path
      @given = {}
    end

    # @return [Hash{Symbol => Given}] see {.read}.
    def read
      instance_eval(File.read(@path), @path)
      @given
    rescue SystemCallError
      raise ConfigurationError, "cannot read the configuration file #{@path}; name one that exists with -C"
    rescue ScriptError, StandardError => e
      raise ConfigurationError, describe(e)
    end

    Settings.table.each_value do |setting|
      name = setting.name
      define_method(name) do |*values|
        values << true if values.empty? && setting.type.bare?
        raise ArgumentError, "#{name} wants a value" if values.empty?

        give(name, values)
      end
    end

    # Puma's two numbers are taken; the second one, the most threads, counts.
    # @param numbers [Array<Integer, String>]
    def threads(*numbers) = give(:threads, [numbers.last])

    # Has the block called at the start of a drain, as {Penstock.on_drain} does.
    def on_drain(&) = Penstock.on_drain(&)

    private

    def give(name, values)
      value = name == :bind ? [*@given[:bind]&.value, *values.flatten] : single(name, values)
      @given[name] = Given.new(value, "#{@path}:#{caller_locations.find { |location| location.path == @path }&.lineno}")
    end

    def single(name, values)
      raise ArgumentError, "#{name} wants one value, not #{values.size}" if values.size > 1

      values.first
    end

    def describe(error)
      text = error.message.lines.first.to_s.chomp
      return text if text.start_with?("#{@path}:") # A SyntaxError names the line itself.

      line = error.backtrace_locations&.find { |location| location.path == @path }&.lineno
      kind = error.is_a?(ConfigurationError) || error.is_a?(ArgumentError) ? "" : " (#{error.class})"
      "#{[@path, line].compact.join(":")}: #{text}#{kind}"
    end

    def method_missing(name, *)
      Settings.fetch(name)
    end

    def respond_to_missing?(_name, _include_private) = false
  end
end
