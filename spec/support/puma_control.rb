# frozen_string_literal: true

# Puma behind the interface of Penstock::Server: the control that shows whether a spec is fair. Only with
# PENSTOCK_SPEC_SERVER=puma; no spec needs it.
class PumaControl
  # Whether the specs run against Puma.
  def self.wanted?
    ENV["PENSTOCK_SPEC_SERVER"] == "puma"
  end

  # @return [Array<String>] the command that serves `config.ru` from the command line
  def self.command
    [RbConfig.ruby, Gem.bin_path("puma", "puma"), "--threads", "0:5"]
  end

  # @param app [#call]
  # @param bind [String, Array<String>]
  # @param threads [Integer]
  # @param settings [Hash] Penstock's settings, of which Puma knows few
  def initialize(app, bind:, threads:, environment:, **settings)
    require "puma"
    require "puma/server"
    log = Puma::LogWriter.new($stdout, $stderr)
    @server = Puma::Server.new(app, nil, {
      log_writer: log, min_threads: 0, max_threads: threads, environment: environment, force_shutdown_after: 1,
      first_data_timeout: settings.fetch(:header_timeout, 30), persistent_timeout: settings.fetch(:keep_alive_timeout, 65),
      http_content_length_limit: settings[:max_body_bytes], fast_inline: false, early_hints: true
    }.compact)
    @server.binder.parse(Array(bind), Puma::LogWriter.new(StringIO.new, StringIO.new))
  end

  # Returns once it listens.
  def start
    @thread = @server.run
  end

  # @return [Array<String>]
  def urls
    binder = @server.binder
    binder.connected_ports.grep(Integer).map { |port| "http://127.0.0.1:#{port}" } + binder.unix_paths.map { |path| "unix://#{path}" }
  end

  # Waits for the requests in flight.
  def stop(*)
    @server.stop(true)
  end
end
