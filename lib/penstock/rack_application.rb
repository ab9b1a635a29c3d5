# frozen_string_literal: true

require_relative "errors"

module Penstock
  # Loading of a `config.ru`.
  module RackApplication
    # @param path [String] the file.
    # @return [#call] the application.
    # @raise [Error] if the file is missing or raises, with what was raised as its cause.
    def self.load(path)
      raise Error, "there is no #{path} in #{Dir.pwd}; name the file: penstock path/to/config.ru" unless File.file?(path)

      build(path)
    rescue ScriptError, StandardError => e
      raise if e.is_a?(Error)

      raise Error, "#{path} raised #{describe(e)}; --debug shows the backtrace"
    end

    # Rack 2 returns the application with options of its first line, which belong to rackup; Rack 3 the application alone.
    def self.build(path)
      require "rack"
      require "rack/builder"
      app = Rack::Builder.parse_file(File.expand_path(path))
      app.is_a?(Array) ? app.first : app
    end

    def self.describe(error)
      place = error.backtrace_locations&.first
      text = "#{error.class}: #{error.message.lines.first.to_s.chomp}"
      place ? "#{text} (#{place.path}:#{place.lineno})" : text
    end

    private_class_method :build, :describe
  end
end
