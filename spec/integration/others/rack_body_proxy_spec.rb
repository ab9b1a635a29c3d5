# frozen_string_literal: true

require "spec_helper"
require "rack"
require "support/bodies/examples"

# How middleware learns that a response is over: Rack::Runtime's and Rails' relatives all wrap the body this way.
RSpec.describe "Rack::BodyProxy around every body" do
  include BodiesHelper

  let(:closings) { Queue.new }

  # Two proxies around each other; `closings` gets a note from each.
  def wrap(app)
    %i[inside outside].reduce(app) { |inside, name| proxy(inside, name) }
  end

  def proxy(app, name)
    lambda do |env|
      app.call(env).tap { |response| response[2] = Rack::BodyProxy.new(response[2]) { closings << name } }
    end
  end

  it_behaves_like "a middleware that passes every kind of body"

  EveryBody::WHOLE.each do |path|
    it "is closed once when #{path} has been sent" do
      expect(live(path).rest).to eq(EveryBody::TEXT)
      expect(Array.new(2) { closings.pop }).to eq(%i[inside outside])
      expect(live("/").rest).to eq("ordinary")
      expect(closings.size).to eq(2)
    end
  end

  EveryBody::WAITING.each do |path|
    it "is closed when #{path} has been written, and not before" do
      expect_live(path) { expect(closings).to be_empty }
      expect(Array.new(2) { closings.pop }).to eq(%i[inside outside])
    end
  end

  EveryBody::LEFT_OPEN.each do |path|
    it "is closed when the call of #{path} has returned, with its stream still open" do
      expect_live(path) { expect(Array.new(2) { closings.pop }).to eq(%i[inside outside]) }
      expect(closings).to be_empty
    end
  end
end
