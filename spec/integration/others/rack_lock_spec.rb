# frozen_string_literal: true

require "spec_helper"
require "rack"
require "support/bodies/examples"

RSpec.describe "Rack::Lock around everything" do
  include BodiesHelper

  def wrap(app)
    Rack::Lock.new(app)
  end

  it_behaves_like "a middleware that passes every kind of body"

  # The lock is taken by the application's call and given back by the close of the body, on one and the same thread.
  EveryBody::LEFT_OPEN.each do |path|
    it "is free again while the stream of #{path} is still open" do
      expect_live(path) do
        20.times { expect(get(served, "/").body).to eq("ordinary") }
      end
    end
  end

  EveryBody::WAITING.each do |path|
    it "is free again after #{path}, also for those who waited for it" do
      waiting = nil
      expect_live(path) { waiting = Array.new(3) { live("/") } }
      expect(waiting.map(&:rest)).to all(eq("ordinary"))
    end
  end

  it "is free again after a body that raised" do
    body = EveryBody::Each.new do |&block|
      block.call("one ")
      raise "half-way"
    end
    server = serve(wrap(->(env) { [200, {}, env["PATH_INFO"] == "/" ? ["ordinary"] : body] }))
    expect(LiveResponse.new(connect(server).write(request_bytes("GET", "/raises")))).to be_broken
    expect(get(server, "/").body).to eq("ordinary")
  end

  it "is free again when the client left during the body" do
    response = connect(served).write(request_bytes("GET", "/each"))
    response.read_until("one ")
    response.abort
    inner.go_on
    expect(get(served, "/").body).to eq("ordinary")
  end
end
