# frozen_string_literal: true

require "rackup/handler"
require "penstock/rack_handler"

module Rackup
  module Handler # rubocop:disable Style/Documentation -- described where it is defined.
    # Penstock for rackup 2 (Rack 3): `rackup -s penstock`, `rails server -u penstock`, Sinatra's `set :server, :penstock`.
    module Penstock
      extend ::Penstock::RackHandler
    end

    register :penstock, Penstock
  end
end
