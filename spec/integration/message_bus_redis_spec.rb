# frozen_string_literal: true

require "spec_helper"
require_relative "../support/message_bus/examples"
require_relative "../support/redis_server"

RSpec.describe "MessageBus over HTTP/1.1 with the Redis backend" do
  include MessageBusHelper

  before(:context) { @redis = RedisServer.new }
  after(:context) { @redis.stop }
  after { MessageBusApp.empty(backend_config) }

  def backend_config
    { backend: :redis, redis_config: { url: @redis.url } }
  end

  it_behaves_like "MessageBus"

  it "delivers to the polls of one process what another publishes, both ways" do
    here = serve_bus
    there = spawn_server(<<~CONFIG, env: { "REDIS_URL" => @redis.url })
      require #{File.expand_path("../support/apps/message_bus_app", __dir__).inspect}
      run MessageBusApp.new(backend: :redis, redis_config: { url: ENV.fetch("REDIS_URL") })
    CONFIG
    form = { "content-type" => "application/x-www-form-urlencoded" }
    ours = open_poll(here, { "/news" => -1 })
    theirs = MessageBusPoll.new(connect(there), request_bytes("POST", "/message-bus/theirs/poll", headers: form, body: "/news=-1"))
    theirs.next_batch

    request(there, "POST", "/publish", headers: form, body: "channel=/news&data=from+there")
    expect([ours, theirs].map { |poll| data_of(poll.messages) }).to all(eq(["from there"]))

    here.bus.publish("/news", "from here")
    expect([ours, theirs].map { |poll| data_of(poll.messages) }).to all(eq(["from here"]))
  end
end
