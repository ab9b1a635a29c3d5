# frozen_string_literal: true

require "rack/handler"
require "penstock/rack_handler"

module Rack
  module Handler # rubocop:disable Style/Documentation -- described where it is defined.
    # Penstock for Rack 2: `rackup -s penstock`, `rails server -u penstock`, Sinatra's `set :server, :penstock`.
    module Penstock
      extend ::Penstock::RackHandler
    end

    register :penstock, "Rack::Handler::Penstock"
  end
end
