# frozen_string_literal: true

require "optparse"
require_relative "check_report"
require_relative "configuration"
require_relative "failure"
require_relative "rack_application"
require_relative "version"

module Penstock
  # The command `penstock`.
  class CLI
    # Status of a process that was ended by Ctrl-C before it served (128 and the signal's number, as shells count).
    INTERRUPTED = 130

    # Runs the command, and does not return before the server has stopped.
    # @param arguments [Array<String>] those of the command line.
    # @return [Integer] the status to exit with: 0 after a drain, 1 after an error.
    def self.run(arguments, **streams) = new(arguments, **streams).run

    # @param arguments [Array<String>]
    # @param out [IO] takes what was asked for.
    # @param err [IO] takes what is wrong.
    # @param env [Hash{String => String}, ENV]
    def initialize(arguments, out: $stdout, err: $stderr, env: ENV)
      @arguments = arguments
      @out = out
      @err = err
      @env = env
      @flags = {}
      @action = :serve
    end

    # @return [Integer] see {.run}.
    def run
      parse
      send(@action)
    rescue Error => e
      @err.puts(Failure.text(e, debug: debug))
      1
    rescue Interrupt
      INTERRUPTED
    end

    private

    def parse
      rest = parser.parse(@arguments)
      @config_ru ||= rest.shift || "config.ru"
      raise ConfigurationError, "#{rest.first} is one argument too many; penstock takes one config.ru" if rest.any?
    rescue OptionParser::ParseError => e
      raise ConfigurationError, "#{e.message.lines.map(&:strip).join(" ")}; penstock --help lists the options"
    end

    def parser
      OptionParser.new("Usage: penstock [options] [config.ru]", 30) do |options|
        options.separator ""
        Settings.table.each_value { |setting| add(options, setting) if setting.flags.any? }
        add_actions(options)
        options.separator ""
        options.separator "Settings go from flag to file to environment to default; --check shows what counts."
      end
    end

    def add(options, setting)
      options.on(*setting.flags, setting.doc) do |value|
        flag = setting.flags.last[/--[\w-]+/]
        give(setting.name, value || true, flag)
      end
    end

    def add_actions(options)
      options.on("-C", "--config FILE", "Configuration file, in place of #{Configuration::FILE}") { |file| @file = file }
      options.on("--check", "Print each setting with its value and where it came from, serve nothing") { @action = :check }
      options.on("-v", "--version", "Print the version") { @action = :version }
      options.on("-h", "--help", "Print this") { @action = :help }
    end

    def give(name, value, flag)
      value = [*@flags[:bind]&.value, value] if name == :bind
      if name == :access_log && value.to_s.end_with?(".ru") # The flag without a file, before the application.
        @config_ru = value
        value = true
      end
      @flags[name] = Given.new(value, flag)
    end

    def help
      @out.puts(parser.help)
      0
    end

    def version
      @out.puts("Penstock #{VERSION}")
      0
    end

    def check
      @out.puts(CheckReport.new(configuration).to_s)
      0
    end

    def serve
      settings = configuration.settings
      HandedOverSockets.forget(@env)
      name_environment(settings.environment)
      require "penstock"
      launcher = Launcher.new(settings, out: @out, err: @err) { RackApplication.load(@config_ru) }
      return 0 if launcher.run == :drained

      Process.exit!(1) # At once: hooks of the application's exit could make it last.
    end

    def configuration
      @configuration ||= Configuration.new(flags: @flags, file: @file, env: @env)
    end

    # The application asks these variables what it is to be; both have to say what the flag or the file said.
    def name_environment(name)
      @env["RACK_ENV"] = name
      @env["RAILS_ENV"] = name if @env.key?("RAILS_ENV")
    end

    def debug
      given = @configuration ? @configuration.given : @flags
      given[:debug]&.value
    end
  end
end
