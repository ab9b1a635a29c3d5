# frozen_string_literal: true

require "spec_helper"
require "support/application/helper"

RSpec.describe "What an application returns in place of a response" do
  include ApplicationHelper

  # What is not a response, or not one that can be sent: description => what the application returns.
  {
    "nil" => nil,
    "false" => false,
    "a String" => "text",
    "an Integer" => 200,
    "a Hash" => { 200 => {} },
    "an Object" => Object.new,
    "an empty Array" => [],
    "a status alone" => [200],
    "status and headers alone" => [200, {}],
    "a body of nil" => [200, {}, nil],
    "a body without each and call" => [200, {}, Object.new],
    "a String as body" => [200, {}, "text"],
    "an Integer as body" => [200, {}, 5],
    "headers of nil" => [200, nil, []],
    "a String as headers" => [200, "x-a: b", []],
    "an Integer as headers" => [200, 5, []],
    "an Array with an Integer" => [200, {}, [1]],
    "an Array with nil" => [200, {}, [nil]],
    "an Array with a Symbol behind a String" => [200, {}, ["a", :b]],
    "an each that yields nil first" => [200, {}, [nil].each],
    "an each that yields a Symbol first" => [200, {}, [:a].each],
    "a status of nil" => [nil, {}, []],
    "a status of true" => [true, {}, []],
    "a Symbol as status" => [:ok, {}, []],
    "a word as status" => ["ok", {}, []],
    "a status of 0" => [0, {}, []],
    "a status of -1 without a hijack" => [-1, {}, []],
    "a status of 99" => [99, {}, []],
    "a status of 1000" => [1000, {}, []],
    "a status of 65736, which is 200 in 16 bits" => [65_736, {}, []],
    "a status beyond 64 bits" => [2**70, {}, []],
    "a status of 100, which is not final" => [100, {}, []],
    "a status of 102, which is not final" => [102, {}, []],
    "a status of 103, which is not final" => [103, {}, []],
    "a status of 199, which is not final" => [199, {}, []]
  }.each do |description, response|
    it "is a 500 for #{description}" do
      server = serve_traced { response }
      client = connect(server).write(request_bytes("GET", "/wrong"))
      expect(client.read_response).to have_attributes(status: 500, body: "500 Internal Server Error\n")
      expect(client.write(request_bytes("GET", "/alive")).read_response.body).to eq("alive")
      expect_finished_calls
      expect(trace.of(:first_callable).first.arguments.last).to be_a(Exception)
      eventually { server.log.match?(%r{^penstock: GET /wrong raised$}) }
    end
  end

  {
    "digits" => ["201", 201],
    "a Float" => [202.0, 202],
    "a status without a name" => [299, 299],
    "the largest status" => [999, 999],
    "an error of the application's own" => [500, 500]
  }.each do |description, (status, sent)|
    it "is taken with #{description} as status" do
      server = serve { [status, {}, ["body"]] }
      expect(get(server, "/")).to have_attributes(status: sent, body: "body")
    end
  end

  {
    "a frozen response" => -> { [200, { "x-a" => "b" }.freeze, ["body"].freeze].freeze },
    "more than three elements" => -> { [200, { "x-a" => "b" }, ["body"], :more] },
    "what to_ary makes a response" => -> { Struct.new(:to_ary).new([200, { "x-a" => "b" }, ["body"]]) },
    "headers that are pairs" => -> { [200, [%w[x-a b]], ["body"]] },
    "headers that only have each" => -> { [200, [%w[x-a b]].each, ["body"]] }
  }.each do |description, response|
    it "is taken, though it is unusual, with #{description}" do
      server = serve { response.call }
      expect(get(server, "/")).to have_attributes(status: 200, body: "body", headers: include("x-a" => ["b"]))
    end
  end

  [:a, nil, 1, Object.new].each do |element|
    it "breaks off behind the head for #{element.class} as an element of each" do
      body = traced_body(each: lambda { |block|
        block.call("one")
        block.call(element)
      })
      server = serve_traced { [200, {}, body] }
      client = connect(server).write(request_bytes("GET", "/wrong"))
      expect(client.read_head.status).to eq(200)
      expect(client.read_chunk).to eq("one")
      expect(client).to be_ended
      expect_closed_once
      expect_finished(status: 200, error: TypeError)
      expect(get(server, "/alive").status).to eq(200)
    end
  end
end
