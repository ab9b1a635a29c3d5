# frozen_string_literal: true

require "ipaddr"
require_relative "errors"

module Penstock
  # What values a setting takes: turns what a person gave (a String from a flag or the environment, any object from Ruby)
  # into the one form that the server is handed.
  class SettingType
    # Words of flags and environment variables that mean nil.
    NIL_WORDS = %w[nil none off].freeze

    # @return [String] what is accepted, as words of an error message.
    attr_reader :expected
    # @return [String, nil] the unit of the value: "seconds", "bytes"…; nil where there is none.
    attr_reader :unit

    # @param expected [String] what is accepted, as words of an error message.
    # @param unit [String, nil] the unit of the value.
    # @param bare [Boolean] whether the name of the setting alone means true.
    # @param optional [Boolean] whether nil is a value.
    # @yieldparam value [Object] what was given, never nil.
    # @yieldreturn [Object] the value; the block raises ArgumentError, TypeError, RangeError or ConfigurationError for what it does
    #   not accept.
    def initialize(expected, unit: nil, bare: false, optional: false, &convert)
      @expected = expected
      @unit = unit
      @bare = bare
      @optional = optional
      @convert = convert
      freeze
    end

    # @return [Boolean] whether the name of the setting alone, without a value, means true.
    def bare? = @bare

    # @return [SettingType] this type with nil (the words of {NIL_WORDS} in a String) beside its values.
    def or_nil = SettingType.new("#{expected}, or nil", unit: unit, bare: @bare, optional: true, &@convert)

    # @param given [Object] what a person gave.
    # @return [Object, nil] the value in the form that the server is handed.
    # @raise [ConfigurationError] naming what is accepted.
    def convert(given)
      return if @optional && (given.nil? || NIL_WORDS.include?(given))

      @convert.call(given)
    rescue ArgumentError, TypeError, RangeError, ConfigurationError
      raise ConfigurationError, "expected #{expected}, not #{given.inspect}"
    end

    # The largest number that a setting takes: beyond it the server's arithmetic would run over.
    MOST = 1_000_000_000_000

    # Values that are Integers of at least `least` and at most `most`.
    # @return [SettingType]
    def self.integer(expected, least: 0, most: MOST, unit: nil)
      new(expected, unit: unit) do |given|
        number = given.is_a?(String) ? Integer(given, 10) : given
        raise TypeError unless number.is_a?(Integer)
        raise RangeError unless number.between?(least, most)

        number
      end
    end

    # Values that are one of `symbols`, given as Symbols or Strings.
    # @return [SettingType]
    def self.choice(*symbols)
      new(symbols.map(&:inspect).join(" or ")) do |given|
        symbols.find { |symbol| symbol.to_s == given.to_s } or raise ArgumentError
      end
    end

    # Numbers above 0 and up to {MOST}, also from a String or anything that knows `to_f`, a whole one as an Integer.
    # @param given [Object]
    # @return [Integer, Float]
    def self.positive_number(given)
      number = Float(given)
      raise RangeError unless number.positive? && number <= MOST

      number.to_i == number ? number.to_i : number
    end

    # True or false, also in words.
    BOOLEAN = new("true or false", bare: true) do |given|
      case given
      when true, "true", "on", "yes", "1" then true
      when false, "false", "off", "no", "0" then false
      else raise ArgumentError
      end
    end

    # A count of at least one.
    COUNT = integer("a whole number above 0", least: 1)
    # A size in bytes.
    BYTES = integer("a whole number of bytes above 0", least: 1, unit: "bytes")
    # A receive window (RFC 9113 section 6.9.1).
    WINDOW = integer("a number of bytes from 1 to 2147483647", least: 1, most: 2_147_483_647, unit: "bytes")
    # A rate.
    RATE = integer("a whole number of bytes a second above 0", least: 1, unit: "bytes a second")
    # A TCP port.
    PORT = integer("a port from 0 to 65535", most: 65_535)
    # A span of time.
    SECONDS = new("a number of seconds above 0", unit: "seconds") { |given| positive_number(given) }

    # A first and a longest span of time.
    SECONDS_RANGE = new("a range of seconds like 0.1..5", unit: "seconds") do |given|
      first, last = given.is_a?(Range) ? [given.begin, given.end] : String(given).split("..", 2)
      first, last = [first, last].map { |bound| positive_number(bound) }
      raise RangeError if first > last

      first..last
    end

    # A number of threads; of Puma's MIN:MAX, MAX counts.
    THREADS = new("a number of threads above 0, or MIN:MAX") do |given|
      COUNT.convert(given.is_a?(String) ? given.sub(/\A\d+:(?=\d+\z)/, "") : given)
    end

    # A text that is not empty.
    STRING = new("a text that is not empty") do |given|
      raise ArgumentError unless [String, Symbol].any? { |type| given.is_a?(type) } && !given.empty?

      given.to_s
    end

    # Texts, also one alone or several between commas.
    LIST = new("a list of texts") do |given|
      list = given.is_a?(String) ? given.split(",") : given
      raise TypeError unless list.is_a?(Array)

      list.map { |text| STRING.convert(text) }.freeze
    end

    # Names of protocols as TLS tells them.
    PROTOCOLS = new("h2, http/1.1 or both") do |given|
      LIST.convert(given).tap { |names| raise ArgumentError unless names.any? && (names - %w[h2 http/1.1]).empty? }
    end

    # URLs, also one alone.
    URLS = new("a URL or a list of them") do |given|
      Array(given).map { |url| STRING.convert(url) }.freeze
    end

    # Where a log goes: nowhere (false), to standard output (true), to a file.
    LOG = new("true (standard output), false or a path", bare: true) do |given|
      case given
      when nil, false, "false", *NIL_WORDS then false
      when true, "true", "on", "-" then true
      else STRING.convert(given.respond_to?(:to_path) ? given.to_path : given)
      end
    end

    # A file.
    PATH = new("a path") { |given| given.respond_to?(:to_path) ? given.to_path : STRING.convert(given) }

    # Addresses and networks of proxies; "unix" stands for every peer on a Unix socket.
    PROXIES = new('a list of addresses, networks and "unix"') do |given|
      LIST.convert(given).each { |address| IPAddr.new(address) unless address == "unix" }
    end
  end
end
