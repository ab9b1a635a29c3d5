# frozen_string_literal: true

require "spec_helper"

RSpec.describe "The queue in front of the application" do
  include RawCases::Checks

  # A server whose application waits at every path but /free.
  def serve_held(**settings)
    @latch = Latch.new
    @paths = Queue.new
    serve(**settings) do |env|
      @paths << env["PATH_INFO"]
      @latch.wait unless env["PATH_INFO"] == "/free"
      [200, {}, ["ok"]]
    end
  end

  # A client whose request holds one thread.
  def hold(server)
    before = @latch.waiting
    client = connect(server).write(request_bytes("GET", "/held"))
    eventually { @latch.waiting > before }
    client
  end

  # So many clients that leave once their requests are in the queue.
  def queue_and_leave(server, count)
    gone = Array.new(count) { connect(server).write(request_bytes("GET", "/gone")) }
    eventually { server.server.stats.fetch(:queued) == count }
    gone.each(&:abort)
  end

  after { @latch&.open }

  it "answers 503 with Retry-After when it is full, and serves what is in it" do
    server = serve_held(threads: 1, queue_size: 2)
    running = hold(server)
    others = Array.new(9) { |index| connect(server).write(request_bytes("GET", "/#{index}")) }
    refused = eventually { others.reject { |client| client.received.empty? }.then { |some| some if some.size == 7 } }
    responses = refused.map(&:read_response)
    expect(responses.map(&:status)).to all(eq(503))
    expect(responses.map { |response| response["retry-after"] }).to all(match(/\A\d+\z/))

    @latch.open
    expect([running, *(others - refused)].map { |client| client.read_response.status }).to all(eq(200))
    expect(@paths.size).to eq(3)
    expect_alive(server)
  end

  it "answers 503 with Retry-After to what has waited for queue_timeout, without the application" do
    server = serve_held(threads: 1, queue_timeout: 0.3)
    running = hold(server)
    start = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    late = connect(server).write(request_bytes("GET", "/late"))
    response = late.read_response
    expect(Process.clock_gettime(Process::CLOCK_MONOTONIC) - start).to be_between(0.25, 3)
    expect(response.status).to eq(503)
    expect(response["retry-after"]).to match(/\A\d+\z/)

    @latch.open
    expect(running.read_response.status).to eq(200)
    expect_alive(server)
    expect(Array.new(@paths.size) { @paths.pop }).to eq(%w[/held /alive])
  end

  it "answers each that has waited for queue_timeout in its own time, behind others and after a time without any" do
    server = serve_held(threads: 1, queue_timeout: 0.3)
    running = hold(server)
    queue_and_leave(server, 1)
    2.times do
      late = Array.new(2) do |index|
        connect(server).write(request_bytes("GET", "/late")).tap { eventually { server.server.stats.fetch(:queued) == index + 1 } }
      end
      start = Process.clock_gettime(Process::CLOCK_MONOTONIC)
      second = connect(server).write(request_bytes("GET", "/late"))
      expect(late.map { |client| client.read_response.status }).to eq([503, 503])
      expect(second.read_response.status).to eq(503)
      expect(Process.clock_gettime(Process::CLOCK_MONOTONIC) - start).to be_between(0.25, 3)
      expect(server.server.stats.fetch(:queued)).to eq(0)
    end
    @latch.open
    expect(running.read_response.status).to eq(200)
    expect(Array.new(@paths.size) { @paths.pop }).to eq(%w[/held])
  end

  it "goes on behind requests whose clients have gone while they waited" do
    server = serve_held(threads: 1, queue_size: 5)
    running = hold(server)
    queue_and_leave(server, 4)
    waiting = connect(server).write(request_bytes("GET", "/waiting"))
    @latch.open
    expect(running.read_response.status).to eq(200)
    expect(waiting.read_response.status).to eq(200)
    eventually { server.server.stats.fetch(:queued).zero? }
  end

  it "has the places again of those whose clients have gone" do
    server = serve_held(threads: 1, queue_size: 4)
    running = hold(server)
    queue_and_leave(server, 4)
    eventually { server.server.stats.fetch(:queued).zero? }
    waiting = Array.new(4) { connect(server).write(request_bytes("GET", "/waiting")) }
    eventually { server.server.stats.fetch(:queued) == 4 }
    @latch.open
    expect([running, *waiting].map { |client| client.read_response.status }).to all(eq(200))
  end

  it "refuses a body that would stream, too, and goes on" do
    server = serve_held(threads: 2, queue_size: 1)
    running = [hold(server), hold(server), connect(server).write(request_bytes("GET", "/queued"))]
    eventually { server.server.stats.fetch(:queued) == 1 }
    refused = connect(server).write("POST / HTTP/1.1\r\nHost: example.org\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel")
    expect(refused.read_response.status).to eq(503)
    @latch.open
    expect(running.map { |client| client.read_response.status }).to all(eq(200))
    expect_alive(server)
  end

  it "belongs to all threads: one that is held does not hold what stands behind it" do
    server = serve_held(threads: 2)
    running = hold(server)
    others = Array.new(19) { connect(server).write(request_bytes("GET", "/free")) }
    expect(others.map { |client| client.read_response.status }).to all(eq(200))
    expect(running.received).to eq("")
    @latch.open
    expect(running.read_response.status).to eq(200)
  end

  it "tells how long a request has waited" do
    times = Queue.new
    latch = Latch.new
    server = serve(threads: 1) do |env|
      times << env["penstock.queue_time"]
      latch.wait
      [200, {}, ["ok"]]
    end
    first = connect(server).write(request_bytes("GET", "/"))
    eventually { latch.waiting == 1 }
    second = connect(server).write(request_bytes("GET", "/"))
    eventually { server.server.stats.fetch(:queued) == 1 }
    latch.open
    [first, second].each { |client| expect(client.read_response.status).to eq(200) }
    waited = [times.pop, times.pop]
    expect(waited).to all(be_a(Float).and(be >= 0))
    expect(waited.last).to be > waited.first
  end
end
