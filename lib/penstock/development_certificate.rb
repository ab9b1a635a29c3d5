# frozen_string_literal: true

require "rbconfig"
require "shellwords"
require_relative "errors"

module Penstock
  # The certificate of the setting `tls_dev`: self-signed, for localhost, 127.0.0.1 and ::1, in files that every server of
  # this user shares.
  #
  # @!method self.prepare(certificate, key)
  #   Sees to it that there are these files (see `src/tls/development.rs`): what is there stays, unless it ends within a week
  #   or is of no use. The key is for this user alone. It waits for nobody: {.provide} does.
  #   @param certificate [String] the path of the certificate.
  #   @param key [String] the path of its private key.
  #   @return [Boolean] false where another process is at it, and nothing was done.
  #   @raise [ConfigurationError] if they cannot be written.
  module DevelopmentCertificate
    # The pause between two looks at another process that makes them, in seconds.
    INTERVAL = 0.05

    # Sees to it that the files of {.paths} are there, and waits for another process that is at it.
    # @return [void]
    # @raise [ConfigurationError] if they cannot be written.
    def self.provide
      sleep INTERVAL until prepare(*paths)
    end

    # @param env [Hash{String => String}, ENV]
    # @return [Array(String, String)] the paths of the certificate and of its private key, which need not exist.
    # @raise [ConfigurationError] if nobody knows the user's home.
    def self.paths(env = ENV)
      %w[pem key].map { |kind| File.join(cache(env), "penstock", "localhost.#{kind}") }
    end

    # @param env [Hash{String => String}, ENV]
    # @return [String] one line: what to type to have Chromium or Chrome trust it (Safari too on macOS).
    def self.advice(env = ENV)
      path = Shellwords.escape(paths(env).first)
      command = if RbConfig::CONFIG["host_os"].include?("darwin")
                  "security add-trusted-cert -p ssl -k ~/Library/Keychains/login.keychain-db #{path}"
                else
                  "mkdir -p ~/.pki/nssdb && certutil -d sql:$HOME/.pki/nssdb -A -t P,, -n penstock -i #{path}"
                end
      "To have the browser trust localhost, type: #{command}"
    end

    # The user's cache folder; by the XDG Base Directory Specification a relative path is no value of the variable.
    def self.cache(env)
      folder = env["XDG_CACHE_HOME"].to_s
      folder.start_with?("/") ? folder : File.join(Dir.home, ".cache")
    rescue ArgumentError => e # What Dir.home raises.
      raise ConfigurationError, "tls_dev: there is no place for the certificate: #{e.message}; name one by XDG_CACHE_HOME"
    end

    private_class_method :cache
  end
end
