# frozen_string_literal: true

require "spec_helper"
require "support/application/helper"

RSpec.describe "The threads that call the application" do
  include ApplicationHelper

  # A server whose application waits for the latch at /held.
  def serve_held(**settings)
    @latch = Latch.new
    serve(**settings) do |env|
      yield env if block_given?
      @latch.wait if env["PATH_INFO"] == "/held"
      [200, {}, [env["PATH_INFO"]]]
    end
  end

  after { @latch&.open }

  [1, 2, 5, 16].each do |threads|
    it "are #{threads} where threads says so, each with a name, and all of them work" do
      server = serve_held(threads: threads)
      expect(workers.map(&:name)).to match_array(Array.new(threads) { |index| "penstock worker #{index + 1}" })
      expect_all_threads(server, @latch, threads)
    end
  end

  it "are gone when the server has stopped" do
    before = Thread.list
    server = serve_held(threads: 3)
    expect(get(server, "/").status).to eq(200)
    server.stop
    expect((Thread.list - before).select { |thread| thread.name.to_s.start_with?("penstock") }).to be_empty
  end

  # An exchange belongs to no thread before one takes it.
  it "take what stands behind a request that blocks one of them: of twenty requests, nineteen are answered" do
    server = serve_held(threads: 2)
    clients = Array.new(20) { |index| connect(server).write(request_bytes("GET", index.zero? ? "/held" : "/#{index}")) }
    expect(clients.drop(1).map { |client| client.read_response.body }).to eq((1..19).map { |index| "/#{index}" })
    expect(clients.first.received).to eq("")
    @latch.open
    expect(clients.first.read_response.body).to eq("/held")
  end

  it "take what stands behind as many blocked requests as there are threads but one, whichever they are" do
    server = serve_held(threads: 5)
    20.times do |round|
      paths = Array.new(12, "/free").fill("/held", 0, 4).shuffle(random: Random.new(round))
      clients = paths.map { |path| [path, connect(server).write(request_bytes("GET", path))] }
      free, held = clients.partition { |path, _| path == "/free" }.map { |pairs| pairs.map(&:last) }
      expect(free.map { |client| client.read_response.status }).to all(eq(200))
      expect(held.map(&:received)).to all(eq(""))
      @latch.open
      expect(held.map { |client| client.read_response.status }).to all(eq(200))
      @latch = Latch.new
    end
  end

  it "serve a client at once that comes while others wait for the application" do
    server = serve_held(threads: 3)
    held = Array.new(2) { connect(server).write(request_bytes("GET", "/held")) }
    eventually { @latch.waiting == 2 }
    10.times { expect(get(server, "/free").status).to eq(200) }
    expect(held.map(&:received)).to all(eq(""))
  end

  it "serve far more keep-alive connections than there are threads" do
    server = serve_held(threads: 2)
    clients = Array.new(100) { connect(server) }
    3.times do
      clients.each { |client| client.write(request_bytes("GET", "/")) }
      expect(clients.map { |client| client.read_response.status }).to all(eq(200))
    end
  end

  it "serve the requests of one connection one after the other" do
    running = Queue.new
    most = Queue.new
    server = serve(threads: 5) do |env|
      running << env
      most << running.size
      Thread.pass
      running.pop
      [200, {}, [env["PATH_INFO"]]]
    end
    client = connect(server).write(Array.new(50) { |index| request_bytes("GET", "/#{index}") }.join)
    expect(Array.new(50) { client.read_response.body }).to eq((0...50).map { |index| "/#{index}" })
    expect(Array.new(50) { most.pop }).to all(eq(1))
  end

  it "serve several connections at the same time" do
    server = serve_held(threads: 5)
    expect_all_threads(server, @latch, 5)
  end

  # While there is work a thread takes it without giving up the lock of the VM: a thread that computes would have it for a
  # tenth of a second each time.
  it "take one exchange after the other without giving up the lock" do
    moments = Queue.new
    count = 0
    server = serve_held(threads: 1) { moments << count }
    first = connect(server).write(request_bytes("GET", "/held"))
    eventually { @latch.waiting == 1 }
    others = Array.new(40) { connect(server).write(request_bytes("GET", "/")) }
    eventually { server.server.stats.fetch(:queued) == 40 }
    moments.clear
    computing = Thread.new { count += 1 while moments.size < 40 }
    @latch.open
    expect([first, *others].map { |client| client.read_response.status }).to all(eq(200))
    computing.join
    expect(Array.new(40) { moments.pop }.uniq.size).to be <= 5
  end

  it "keep working when they are killed, one by one, while they call the application" do
    server = serve_held(threads: 3)
    3.times do
      victims = Array.new(3) { connect(server).write(request_bytes("GET", "/held")) }
      eventually { @latch.waiting == 3 }
      workers.each(&:kill)
      expect(victims.map { |client| client.read_response.status }).to all(eq(500))
      eventually { workers.size == 3 }
    end
    expect_all_threads(server, @latch, 3)
  end

  it "run nested calls of the application's own servers" do
    inner = serve { [200, {}, ["inner"]] }
    outer = serve(threads: 1) { [200, {}, [get(inner, "/").body]] }
    expect(get(outer, "/").body).to eq("inner")
  end

  it "have a stack that is deep enough for an application" do
    depth = ->(levels) { levels.zero? ? 0 : 1 + depth.call(levels - 1) }
    server = serve { [200, {}, [depth.call(3000).to_s]] }
    expect(get(server, "/").body).to eq("3000")
  end

  it "leave their priority, their group and their fibers to the application" do
    server = serve(threads: 1) do
      fiber = Fiber.new { Fiber.yield(1) || 2 }
      [200, {}, [[fiber.resume, fiber.resume, Thread.current.priority, Fiber.new { Thread.current[:a] }.resume].inspect]]
    end
    expect(get(server, "/").body).to eq("[1, 2, 0, nil]")
  end
end
