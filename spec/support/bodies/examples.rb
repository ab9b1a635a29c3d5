# frozen_string_literal: true

require_relative "helper"

# Every kind of body through a middleware that has to leave it as it is, alive. The including group mixes in BodiesHelper
# and has a `wrap(app)`.
RSpec.shared_examples "a middleware that passes every kind of body" do
  EveryBody::WHOLE.each do |path|
    it "answers #{path} whole" do
      response = live(path)
      expect([response.status, response.rest]).to eq([200, EveryBody::TEXT])
    end

    it "answers HEAD #{path} with the head alone, and closes the body" do
      expect(live(path, method: "HEAD").status).to eq(200)
      eventually { inner.body.nil? || inner.body.closed == 1 }
    end
  end

  (EveryBody::WAITING + EveryBody::LEFT_OPEN).each do |path|
    it "sends each part of #{path} at once, and closes its body once" do
      expect_live(path)
    end
  end
end
