# frozen_string_literal: true

require "socket"
require "stringio"

# A Rack server whose network half is written in Rust: streaming bodies, partial and full hijacks.
#
# `require "penstock"` registers the handlers, starts nothing, and changes no default.
module Penstock
  autoload :ClientCertificate, "penstock/client_certificate"
end

require_relative "penstock/version"
require_relative "penstock/errors"
# An extension for this Ruby alone, as the Rakefile and precompiled gems have it; else the one that `gem install` has built.
begin
  require "penstock/#{RUBY_VERSION[/\d+\.\d+/]}/penstock"
rescue LoadError
  require "penstock/penstock"
end
require_relative "penstock/settings"
require_relative "penstock/drain_hooks"
require_relative "penstock/fork"
require_relative "penstock/input"
require_relative "penstock/empty_input"
require_relative "penstock/hijacked_socket"
require_relative "penstock/stream"
require_relative "penstock/group"
require_relative "penstock/server"
require_relative "penstock/launcher"
require_relative "penstock/handlers"
