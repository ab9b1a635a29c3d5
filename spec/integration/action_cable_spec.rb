# frozen_string_literal: true

require "spec_helper"
require "support/cable/examples"

# A Rails application whose Gemfile names the server, and not a line more (spec/support/apps/cable).
RSpec.describe "ActionCable" do
  context "with the async adapter" do
    it_behaves_like "ActionCable"
    it_behaves_like "ActionCable at the server's end"
  end

  context "with the Redis adapter" do
    before(:context) { @redis = RedisServer.new }
    after(:context) { @redis&.stop }

    def application_options
      { env: { "CABLE_ADAPTER" => "redis", "REDIS_URL" => @redis.url } }
    end

    it_behaves_like "ActionCable"
    it_behaves_like "ActionCable at the server's end"
  end
end
