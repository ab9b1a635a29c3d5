# frozen_string_literal: true

require "spec_helper"
require "support/application/helper"

RSpec.describe "An application with strange manners" do
  include ApplicationHelper

  # Has one thread, so that every request that is answered shows that it lives.
  def serve_strange(&) = serve(threads: 1, &)

  def expect_alive(server)
    2.times { expect(get(server, "/alive")).to have_attributes(status: 200, body: "alive") }
  end

  # What an application may do to its env before it answers.
  {
    "empties env" => lambda(&:clear),
    "freezes env" => lambda(&:freeze),
    "takes rack.response_finished away" => ->(env) { env.delete("rack.response_finished") },
    "sets rack.response_finished to nil" => ->(env) { env["rack.response_finished"] = nil },
    "freezes rack.response_finished" => ->(env) { env["rack.response_finished"] = [->(*) {}].freeze },
    "sets rack.response_finished to what is no list" => ->(env) { env["rack.response_finished"] = Object.new },
    "puts into rack.response_finished what cannot be called" => ->(env) { env["rack.response_finished"] << nil << 1 },
    "gives other streams and inputs" => ->(env) { env.update("penstock.stream" => nil, "rack.hijack" => nil, "rack.input" => nil) },
    "closes rack.input" => ->(env) { env["rack.input"].close },
    "changes the method" => ->(env) { env["REQUEST_METHOD"] = nil }
  }.each do |description, action|
    it "is answered as ever when it #{description}" do
      server = serve_strange do |env|
        path = env["PATH_INFO"]
        action.call(env) if path == "/strange"
        [200, {}, [path.delete_prefix("/")]]
      end
      expect(request(server, "POST", "/strange", body: "body")).to have_attributes(status: 200, body: "strange")
      expect_alive(server)
    end
  end

  it "may keep env, which is a fresh Hash for every request" do
    envs = Queue.new
    server = serve { |env| envs << env and [200, {}, []] }
    client = connect(server)
    2.times { client.write(request_bytes("GET", "/")).read_response }
    first = envs.pop
    second = envs.pop
    expect(first).not_to be(second)
    expect([first, second]).to all(be_an_instance_of(Hash)).and all(satisfy { |env| !env.frozen? })
    expect(first["rack.response_finished"]).not_to be(second["rack.response_finished"])
  end

  bare = Class.new(BasicObject)

  {
    "a BasicObject as response" => -> { bare.new },
    "a BasicObject as status" => -> { [bare.new, {}, []] },
    "a BasicObject as headers" => -> { [200, bare.new, []] },
    "a BasicObject as body" => -> { [200, {}, bare.new] },
    "a BasicObject as a field's value" => -> { [200, { "x-a" => bare.new }, []] },
    "a BasicObject as an element of the body" => -> { [200, {}, [bare.new]] },
    "headers whose each raises" => -> { [200, Enumerator.new { raise "no fields" }, []] },
    "a value whose to_s raises" => -> { [200, { "x-a" => Class.new { def to_s = raise("no text") }.new }, []] },
    "a value whose to_s is no String" => -> { [200, { "x-a" => Class.new { def to_s = nil }.new }, []] },
    "a status whose to_i raises" => -> { [Class.new { def to_i = raise("no number") }.new, {}, []] },
    "a body whose respond_to? raises" => -> { [200, {}, Class.new { def respond_to?(*) = raise("no answer") }.new] }
  }.each do |description, response|
    it "is answered with 500 for #{description}" do
      server = serve_strange { |env| env["PATH_INFO"] == "/alive" ? [200, {}, ["alive"]] : response.call }
      expect(get(server, "/strange").status).to eq(500)
      eventually { server.log.include?("penstock: GET /strange raised") }
      expect_alive(server)
    end
  end

  it "keeps its thread when something is raised in it between two requests" do
    server = serve_strange { [200, {}, ["alive"]] }
    expect_alive(server)
    worker = workers.first
    10.times do |index|
      eventually { workers.all? { |thread| thread.status == "sleep" } }
      workers.first.raise(IOError, "too late, #{index}")
      expect_alive(server)
    end
    expect(workers).to eq([worker])
    eventually { server.log.scan("too late").size == 10 }
  end

  it "has its thread replaced when it is killed between two requests" do
    server = serve_strange { [200, {}, ["alive"]] }
    10.times do
      worker = eventually { workers.find { |thread| thread.status == "sleep" } }
      worker.kill.join
      eventually { workers.size == 1 }
      expect_alive(server)
    end
  end

  it "has its thread replaced when it is killed right behind something that is raised in it" do
    server = serve_strange { [200, {}, ["alive"]] }
    10.times do
      worker = eventually { workers.find { |thread| thread.status == "sleep" } }
      worker.raise(IOError, "too late")
      expect(worker.kill.join(5)).to eq(worker)
      expect_alive(server)
    end
  end

  it "may answer from a thread-local or fiber-local it has set, which stays its own" do
    server = serve_strange do
      count = Thread.current[:count] = Thread.current[:count].to_i + 1
      [200, {}, [count.to_s]]
    end
    expect(Array.new(3) { get(server, "/").body }).to eq(%w[1 2 3])
  end
end
