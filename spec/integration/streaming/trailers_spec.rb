# frozen_string_literal: true

require "spec_helper"

# RFC 9110 section 6.5: what follows the last byte of a response.
RSpec.describe "Trailers of a response" do
  # The three ways to give a body, each with trailers that are known before its end.
  bodies = {
    "an array" => ->(stream) { (stream.trailers = { "x-sum" => "7" }) && ["body"] },
    "a body with each" => ->(stream) { Enumerator.new { |all| (all << "body") && stream.trailers = { "x-sum" => "7" } } },
    "a body with call" => lambda do |env_stream|
      lambda do |stream|
        stream.write("body")
        env_stream.trailers = { "x-sum" => "7" }
        stream.close
      end
    end
  }

  bodies.each do |name, body|
    it "are sent on HTTP/2 behind #{name}" do
      response = connect_http2(serve { |env| [200, {}, body.call(env["penstock.stream"])] }).request("GET", "/")
      expect([response.body, response.trailers]).to eq(["body", { "x-sum" => ["7"] }])
    end
  end

  bodies.drop(1).each do |name, body|
    it "are sent on HTTP/1.1 behind #{name}, where the client takes them and the head has named them" do
      server = serve { |env| [200, { "trailer" => "x-sum" }, body.call(env["penstock.stream"])] }
      response = get(server, "/", "te" => "trailers")
      expect([response.body, response.trailers]).to eq(["body", { "x-sum" => ["7"] }])
      response = get(server, "/")
      expect([response.body, response.trailers]).to eq(["body", {}])
    end
  end

  it "are sent behind no body at all, as a gRPC status is" do
    server = serve do |env|
      env["penstock.stream"].trailers = { "grpc-status" => 5, "grpc-message" => "none" }
      [200, { "content-type" => "application/grpc" }, []]
    end
    response = connect_http2(server).request("POST", "/", headers: { "te" => "trailers" })
    expect([response.status, response.body, response.trailers])
      .to eq([200, "", { "grpc-status" => ["5"], "grpc-message" => ["none"] }])
  end

  it "are sent behind a body whose length is known" do
    server = serve do |env|
      env["penstock.stream"].trailers = { "x-sum" => "7" }
      [200, { "content-length" => "4" }, ->(stream) { stream.write("body") && stream.close }]
    end
    response = connect_http2(server).request("GET", "/")
    expect([response.body, response.trailers]).to eq(["body", { "x-sum" => ["7"] }])
  end

  it "have an element for each line and each value, and none that frames or routes" do
    server = serve do |env|
      framing = { "content-length" => "9", "content-type" => "text/plain", "host" => "a.example", "trailer" => "x-list" }
      env["penstock.stream"].trailers = { "x-list" => %w[1 2], "X-Lines" => "3\n4", "x-bad" => "a\rb", **framing }
      [200, {}, ["body"]]
    end
    expect(connect_http2(server).request("GET", "/").tap(&:body).trailers).to eq("x-list" => %w[1 2], "x-lines" => %w[3 4])
  end

  it "cannot be set behind the last byte of a known length" do
    errors = Queue.new
    server = serve do |env|
      body = lambda do |stream|
        stream.write("body")
        eventually { stream.closed? }
        env["penstock.stream"].trailers = { "x-sum" => "7" }
      rescue IOError => e
        errors << e
      end
      [200, { "content-length" => "4" }, body]
    end
    expect(connect_http2(server).request("GET", "/").body).to eq("body")
    expect(errors.pop.message).to eq("closed stream")
  end

  it "cannot be set behind the end" do
    errors = Queue.new
    server = serve do |env|
      body = lambda do |stream|
        stream.close
        env["penstock.stream"].trailers = { "x-sum" => "7" }
      rescue IOError => e
        errors << e
      end
      [200, {}, body]
    end
    expect(connect_http2(server).request("GET", "/").body).to eq("")
    expect(errors.pop.message).to eq("closed stream")
  end
end
