# frozen_string_literal: true

# Registers the handler with what is loaded of rackup (Rack 3) and of Rack 2. Where it is not loaded yet, it finds the handler
# by the name of its file.
if defined?(Rackup::Handler)
  require "rackup/handler/penstock"
elsif defined?(Rack::RELEASE) && Gem::Version.new(Rack::RELEASE) < Gem::Version.new("3")
  require "rack/handler/penstock"
end
