# frozen_string_literal: true

require_relative "errors"
require_relative "setting_type"

module Penstock
  # One row of the table of settings.
  class Setting
    # @return [Symbol] the name in Ruby, in configuration files and after `rackup -O`.
    attr_reader :name
    # @return [SettingType] what values it takes.
    attr_reader :type
    # @return [String] what it does, in one line.
    attr_reader :doc
    # @return [Array<String>] its flags, as OptionParser wants them; empty where it has none.
    attr_reader :flags
    # @return [Array<String>] the environment variables that give it, the first one that is set counts.
    attr_reader :variables
    # @return [String, nil] what this version does not have yet and the setting would need to have an effect.
    attr_reader :needs

    # @param name [Symbol]
    # @param type [SettingType]
    # @param default [Object, Proc] the value where none is given, or a Proc that is called with a Hash of the values of the
    #   rows above.
    # @param doc [String]
    # @param flags [Array<String>]
    # @param variables [Array<String>]
    # @param needs [String, nil]
    def initialize(name, type, default, doc, flags: [], variables: [], needs: nil)
      @name = name
      @type = type
      @default = default
      @doc = doc
      @flags = flags.freeze
      @variables = variables.freeze
      @needs = needs
      freeze
    end

    # @param values [Hash{Symbol => Object}] the values of the rows above.
    # @return [Object] the value where none is given.
    def default(values) = @default.is_a?(Proc) ? @default.call(values) : @default

    # @param given [Object] what a person gave.
    # @param values [Hash{Symbol => Object}] the values of the rows above.
    # @return [Object] the value.
    # @raise [ConfigurationError] if it is not one of the type's, or would have no effect in this version.
    def convert(given, values)
      value = type.convert(given)
      return value if needs.nil? || value == default(values)

      raise ConfigurationError, "#{value.inspect} needs #{needs}, which this version does not have; leave the setting out"
    rescue ConfigurationError => e
      raise ConfigurationError, "#{name}: #{e.message}"
    end
  end
end
