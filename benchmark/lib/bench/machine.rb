# frozen_string_literal: true

require "etc"
require "open3"
require "openssl"
require "rbconfig"

module Bench
  # The machine and the versions of what is measured on it; and how busy the machine was with other things.
  module Machine
    class << self
      # @return [Boolean] whether Ruby servers run with YJIT: it is there, and no longer an experiment (Ruby 3.2)
      def yjit? = !defined?(RubyVM::YJIT).nil? && Gem::Version.new(RUBY_VERSION) >= Gem::Version.new("3.2")

      # @return [String] the Ruby that runs this, which is the one that the servers run on
      def ruby = "Ruby #{RUBY_VERSION} #{yjit? ? "with YJIT" : "without YJIT"}"

      # @return [String] all versions in one line; no name of the machine in it
      def versions
        crates = %w[hyper tokio rustls].map { |name| "#{name} #{crate_version(name)}" }
        [*Peers.available.select(&:other?).map(&:full_title), "Rack #{Gem.loaded_specs.fetch("rack").version}", *crates,
         OpenSSL::OPENSSL_LIBRARY_VERSION[/\w+ [\d.]+/], wrk, "Linux #{Etc.uname[:release]}", processor].join(", ")
      end

      # @param names [Array<String>] of gems that an application needs
      # @return [Array<String>] a sentence with their versions, ending in a line feed; empty without names
      def gems(names)
        versions = names.map { |name| "#{name} #{Gem.loaded_specs.fetch(name).version}" }
        versions.empty? ? [] : ["The application has #{versions.join(", ")}.\n"]
      end

      # @param folder [String] a work tree
      # @return [String] its commit, for people
      def commit(folder)
        commit, = Open3.capture2("git", "-C", folder, "log", "-1", "--format=%h (%s)")
        changes, = Open3.capture2("git", "-C", folder, "status", "--porcelain", "--untracked-files=no")
        "the commit #{commit.strip}#{", with changes" unless changes.empty?}"
      end

      # Ends with an explanation where a measurement could not mean anything.
      # @raise [Error] what is missing, and what to do
      def check
        raise Error, "two cores are needed, one for the server and one for the client" if Etc.nprocessors < 2

        missing = %w[taskset wrk h2load curl cargo].reject { |name| which?(name) }
        return if missing.empty?

        raise Error, "#{missing.join(", ")} not found: bin/setup installs what is missing"
      end

      # Builds the native programs, which takes a moment when nothing has changed.
      # @raise [Error] with what cargo said
      def build
        command = ["cargo", "build", "--release", "--quiet", "--locked", "--manifest-path", "benchmark/Cargo.toml",
                   "--target-dir", "target/benchmark"]
        output, status = Open3.capture2e(*command, chdir: ROOT)
        raise Error, "the native programs could not be built (#{command.join(" ")}):\n#{output}" unless status.success?
      end

      # Time on processors since the machine was started, whoever used it, and time stolen by its host.
      # @return [Integer] nanoseconds, counted in ticks of 10 ms
      def busy
        fields = File.read("/proc/stat").lines.first.split.drop(1).map { Integer(_1, 10) }
        user, nice, system, _idle, _iowait, irq, softirq, steal = fields
        (user + nice + system + irq + softirq + steal) * (1_000_000_000 / Etc.sysconf(Etc::SC_CLK_TCK))
      end

      # @param program [String] a name without a folder
      # @return [Boolean] whether it is on the PATH
      def which?(program)
        ENV.fetch("PATH", "").split(":").any? { |folder| File.executable?(File.join(folder, program)) }
      end

      private

      def crate_version(name)
        File.read(File.join(ROOT, "benchmark/Cargo.lock"))[/^name = "#{name}"\nversion = "(.+)"/, 1]
      end

      def wrk = Open3.capture2e("wrk", "-v").first[/wrk \S+/].sub("debian/", "")

      def processor
        model = File.read("/proc/cpuinfo")[/^model name\s*: (.+)/, 1] || RbConfig::CONFIG["host_cpu"]
        "#{model} (#{Etc.nprocessors} cores)"
      end
    end
  end
end
