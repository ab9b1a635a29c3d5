# frozen_string_literal: true

require "spec_helper"
require "support/application/faults"
require "support/application/helper"

RSpec.describe "An application that goes wrong" do
  include ApplicationHelper

  # The threads of the servers here: a second one would hide one that was lost.
  let(:threads) { 2 }

  # Expects that the server has all its threads and that they work, whatever happened before.
  def expect_alive(server)
    eventually { workers.size == threads }
    expect(Array.new(threads + 1) { get(server, "/alive").status }).to all(eq(200))
  end

  # Expects the whole error in the log: what was asked for, its class, its words and where it happened.
  def expect_logged(server, fault)
    return unless fault.error

    eventually { expect(server.log).to match(/^penstock: GET \S+ raised$/).and include(fault.text, fault.error.to_s, "faults.rb:") }
  end

  # Expects a 500 that tells nothing of the application.
  def expect_bare500(response)
    expect(response).to have_attributes(status: 500, body: "500 Internal Server Error\n")
    expect(response["content-type"]).to start_with("text/plain")
  end

  # Places before the head is sent: description => the body that does it, or nil for the application's call.
  before_head = {
    "in call" => nil,
    "in each, before the first element" => ->(action) { { each: ->(*) { action.call } } },
    "in to_ary" => ->(action) { { to_ary: action } },
    "in to_path" => ->(action) { { to_path: action, each: ->(block) { block.call("unused") } } }
  }

  # Places behind it, after the bytes "one".
  behind_head = {
    "in each, after an element" => lambda do |action|
      { each: lambda { |block|
        block.call("one")
        action.call
      } }
    end,
    "in a streaming body" => lambda do |action|
      { call: lambda { |stream|
        stream.write("one")
        action.call
      } }
    end
  }

  Faults::ALL.each do |description, fault|
    before_head.each do |place, methods|
      it "answers 500 for #{description} #{place}" do
        body = methods && traced_body(**methods.call(fault.action))
        server = serve_traced(threads: threads) { body ? [200, { "x-a" => "b" }, body] : fault.action.call }
        expect_bare500(get(server, "/wrong"))
        body ? expect_closed_once : expect_finished_calls
        expect_finished(status: body && 200, error: fault.error)
        expect_logged(server, fault)
        expect_alive(server)
      end
    end

    behind_head.each do |place, methods|
      it "breaks the response off for #{description} #{place}" do
        server = serve_traced(threads: threads) { [200, {}, traced_body(**methods.call(fault.action))] }
        client = connect(server).write(request_bytes("GET", "/wrong"))
        expect(client.read_head.status).to eq(200)
        expect(client.read_chunk).to eq("one")
        expect(client).to be_ended
        expect_closed_once
        expect_finished(status: 200, error: fault.error)
        expect_logged(server, fault)
        expect_alive(server)
      end
    end

    it "breaks the response off for #{description} in the proc of a partial hijack" do
      server = serve_traced(threads: threads) do
        hijack = lambda do |stream|
          stream.write("one")
          fault.action.call
        end
        [200, { "rack.hijack" => hijack }, traced_body]
      end
      client = connect(server).write(request_bytes("GET", "/wrong"))
      expect(client.read_head.status).to eq(200)
      expect(client.read_chunk).to eq("one")
      expect(client).to be_ended
      expect_closed_once
      expect_finished(status: 200, error: fault.error)
      expect_logged(server, fault)
      expect_alive(server)
    end

    it "has answered already when #{description} comes in close" do
      server = serve_traced(threads: threads) { [200, {}, traced_body(each: ->(block) { block.call("one") }, close: fault.action)] }
      expect(get(server, "/wrong")).to have_attributes(status: 200, body: "one")
      expect_closed_once
      expect_logged(server, fault)
      expect_alive(server)
    end

    it "calls the other callables of rack.response_finished when #{description} comes in one" do
      server = serve_traced(threads: threads) do |env|
        env["rack.response_finished"].insert(1, ->(*) { fault.action.call })
        [200, {}, traced_body(each: ->(block) { block.call("one") })]
      end
      expect(get(server, "/wrong")).to have_attributes(status: 200, body: "one")
      expect_closed_once
      expect_finished(status: 200)
      expect_logged(server, fault)
      expect_alive(server)
    end

    it "writes nothing for #{description} after a full hijack" do
      sockets = Queue.new
      server = serve_traced(threads: threads) do |env|
        sockets << env["rack.hijack"].call
        fault.action.call
      end
      client = connect(server).write(request_bytes("GET", "/wrong"))
      socket = sockets.pop
      expect_finished(status: nil, error: fault.error)
      expect_logged(server, fault)
      socket.write("by hand")
      socket.close
      expect(client.read_to_eof).to eq("by hand")
      expect_alive(server)
    end
  end

  it "has as many threads as before when many were killed, and keeps nothing of the dead ones" do
    latch = Latch.new
    killed = ObjectSpace::WeakMap.new
    server = serve(threads: threads) do |env|
      latch.wait if env["PATH_INFO"] == "/held"
      killed[Thread.current] = true and Thread.current.kill if env["PATH_INFO"] == "/kill"
      [200, {}, []]
    end
    20.times { expect(get(server, "/kill").status).to eq(500) }
    eventually { workers.size == threads }
    expect_all_threads(server, latch, threads)
    eventually { GC.start || killed.size <= threads }
  end
end
