# frozen_string_literal: true

require "spec_helper"
require "rack"
require "support/bodies/examples"

# That of Rack 2 buffers every body, and knows none with `call`.
RSpec.describe "Rack::ETag around everything", rack: ">= 3.0" do
  include BodiesHelper

  def wrap(app)
    Rack::ConditionalGet.new(Rack::ETag.new(app))
  end

  it_behaves_like "a middleware that passes every kind of body"

  it "gives an array a tag, and a client that has it gets 304 without a body" do
    tag = live("/array")["etag"]
    expect(tag).to match(%r{\AW/"\h+"\z})

    client = connect(served).write(request_bytes("GET", "/array", headers: { "if-none-match" => tag }))
    expect(client.read_response).to have_attributes(status: 304, body: nil)
    client.write(request_bytes("GET", "/array"))
    expect(client.read_response).to have_attributes(status: 200, body: EveryBody::TEXT)
  end

  (EveryBody::WAITING + EveryBody::LEFT_OPEN + %w[/file]).each do |path|
    it "does not buffer #{path} for a tag" do
      inner.go_on
      expect(live(path)["etag"]).to be_nil
    end
  end
end
