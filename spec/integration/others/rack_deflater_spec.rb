# frozen_string_literal: true

require "spec_helper"
require "rack"
require "support/bodies/examples"

# Rack::Deflater knows bodies with `each` alone. It wraps every response that is not marked otherwise, streams too, and
# what it makes of a stream cannot be served.
RSpec.describe "Rack::Deflater around everything", rack: ">= 3.0" do
  include BodiesHelper

  def request_headers
    { "accept-encoding" => "gzip" }
  end

  def wrap(app)
    Rack::Deflater.new(app)
  end

  %w[/array /enumerable].each do |path|
    it "compresses #{path}" do
      response = live(path)
      expect(response.headers).to include("content-encoding" => ["gzip"], "vary" => ["Accept-Encoding"])
      expect(response.rest).to eq(EveryBody::TEXT)
    end
  end

  it "compresses a file, in place of its path and its length" do
    response = live("/file")
    expect(response["content-encoding"]).to eq("gzip")
    expect(response.rest).to eq(EveryBody::TEXT)
  end

  it "compresses an enumerable body part by part, each as it comes" do
    expect_live("/each") { |response| expect(response["content-encoding"]).to eq("gzip") }
  end

  it "leaves a full hijack alone" do
    expect_live("/full") { |response| expect(response["content-encoding"]).to be_nil }
  end

  it "leaves a client alone that takes no gzip" do
    expect(live("/array", headers: { "accept-encoding" => "identity" })["content-encoding"]).to be_nil
  end

  context "with a response that is marked no-transform" do
    def app_headers
      { "cache-control" => "no-cache, no-transform" }
    end

    it_behaves_like "a middleware that passes every kind of body"
  end

  context "with a streaming body that is not marked" do
    %w[/stream /stream-left-open].each do |path|
      it "is seen to be broken (#{path}): 500, or a response that breaks off" do
        inner.go_on
        response = live(path)
        expect(response.status == 500 || response.broken?).to be(true)
        eventually { inner.body.closed == 1 }
        expect(live("/").rest).to eq("ordinary")
      end
    end
  end
end
