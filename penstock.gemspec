# frozen_string_literal: true

require_relative "lib/penstock/version"

Gem::Specification.new do |spec|
  spec.name = "penstock"
  spec.version = Penstock::VERSION
  spec.authors = ["The Penstock authors"]
  spec.summary = "A Rack server for Ruby whose network half is Rust."
  spec.description = <<~TEXT
    Penstock serves Rack applications: the network is Rust (tokio, hyper), the application runs on plain Ruby threads.
    Streaming bodies and both of Rack's hijacks hold no thread, so that one process keeps thousands of open streams.
  TEXT
  spec.license = "MIT"
  spec.required_ruby_version = ">= 3.1"

  # An explicit list of places, so that a build in a work tree without git packs the same files.
  spec.files = Dir.glob(
    %w[
      Cargo.toml Cargo.lock src/**/*.rs ext/**/{Cargo.toml,extconf.rb} ext/**/*.rs
      lib/**/*.rb exe/* penstock.gemspec README.md LICENSE CHANGELOG.md
    ],
    base: __dir__
  )
  spec.bindir = "exe"
  spec.executables = Dir.glob("*", base: File.join(__dir__, "exe"))
  spec.extensions = ["ext/penstock/extconf.rb"]
  spec.metadata = { "cargo_crate_name" => "penstock", "rubygems_mfa_required" => "true" }

  spec.add_dependency "rack", ">= 2.2"
  spec.add_dependency "rb_sys", "~> 0.9.117"
end
