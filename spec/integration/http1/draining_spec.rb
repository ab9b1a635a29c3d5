# frozen_string_literal: true

require "spec_helper"

RSpec.describe "Stopping a server" do
  include RawCases::Checks

  # A server whose application waits at /held.
  def serve_held(**settings)
    @latch = Latch.new
    serve(**settings) do |env|
      @latch.wait if env["PATH_INFO"] == "/held"
      [200, {}, ["ok"]]
    end
  end

  # A client whose request is in the application.
  def hold(server)
    client = connect(server).write(request_bytes("GET", "/held"))
    eventually { @latch.waiting == 1 }
    client
  end

  # Begins to stop the server.
  #
  # @return [Thread] which ends when the server has stopped
  def begin_stop(server, timeout: 20)
    thread = Thread.new { server.stop(timeout: timeout) }
    eventually do
      connect(server).close
      false
    rescue Errno::ECONNREFUSED
      true
    end
    thread
  end

  # Seconds that the block took.
  def elapsed
    start = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    yield
    Process.clock_gettime(Process::CLOCK_MONOTONIC) - start
  end

  after { @latch&.open }

  it "returns at once when there is nothing to wait for" do
    server = serve_held
    expect(elapsed { server.stop(timeout: 20) }).to be < 3
    expect { connect(server) }.to raise_error(Errno::ECONNREFUSED)
  end

  it "closes idle connections, new ones and kept ones, and does not wait for them" do
    server = serve_held
    fresh = connect(server)
    kept = connect(server).write(request_bytes("GET", "/"))
    expect(kept.read_response.status).to eq(200)
    expect(elapsed { server.stop(timeout: 20) }).to be < 3
    expect(kept).to be_eof
    expect(fresh).to be_ended
  end

  it "lets a request in flight finish, says close, and returns as soon as it has" do
    server = serve_held
    client = hold(server)
    stopping = begin_stop(server)
    expect(client.received).to eq("")
    @latch.open
    expect(client.read_response).to be_closing.and have_attributes(status: 200, body: "ok")
    expect(client).to be_eof
    expect(stopping.join(3)).to be(stopping)
  end

  it "ends what is left when a second call has waited as long as it wanted to" do
    server = serve_held
    hold(server)
    first = begin_stop(server, timeout: 60)
    expect(elapsed { server.server.stop(timeout: 0.3) }).to be_between(0.3, 5)
    expect(first.join(3)).to be(first)
  end

  it "lets a second call end with the first, when that has drained" do
    server = serve_held
    client = hold(server)
    first = begin_stop(server)
    second = Thread.new { server.server.stop(timeout: 60) }
    eventually { second.stop? }
    @latch.open
    expect(client.read_response.status).to eq(200)
    expect([first, second].map { |thread| thread.join(3) }).to eq([first, second])
  end

  it "is taken over by a second call when the first was interrupted" do
    server = serve_held
    client = hold(server)
    first = begin_stop(server, timeout: 60)
    second = Thread.new { server.server.stop(timeout: 60) }
    eventually { second.stop? }
    first.kill.join
    expect(second.join(0.1)).to be_nil
    @latch.open
    expect(client.read_response).to have_attributes(status: 200, body: "ok")
    expect(second.join(3)).to be(second)
  end

  it "can be ended by stop! while others wait for the drain" do
    server = serve_held
    hold(server)
    waiting = [begin_stop(server, timeout: 60), Thread.new { server.server.stop(timeout: 60) }, Thread.new { server.server.wait }]
    eventually { waiting.all?(&:stop?) }
    server.server.stop!
    expect(waiting.map { |thread| thread.join(3) }).to eq(waiting)
  end

  it "lets requests in the queue finish" do
    server = serve_held(threads: 1)
    client = hold(server)
    queued = Array.new(3) { connect(server).write(request_bytes("GET", "/")) }
    eventually { server.server.stats.fetch(:queued) == 3 }
    stopping = begin_stop(server)
    @latch.open
    expect([client, *queued].map { |one| one.read_response.status }).to all(eq(200))
    expect(stopping.join(3)).to be(stopping)
  end

  it "serves a request whose head was on its way, and says close" do
    server = serve_held
    client = hold(server)
    half = connect(server).write(request_bytes("GET", "/"))
    expect(half.read_response.status).to eq(200)
    half.write("GET / HTTP/1.1\r\nHost: exam")
    expect_alive(server) # a round trip later than those bytes
    stopping = begin_stop(server)
    half.write("ple.org\r\n\r\n")
    expect(half.read_response).to be_closing.and have_attributes(status: 200)
    expect(half).to be_eof
    @latch.open
    expect(client.read_response.status).to eq(200)
    expect(stopping.join(3)).to be(stopping)
  end

  it "serves a request whose body was on its way, and says close" do
    server = serve_held
    client = connect(server).write("POST / HTTP/1.1\r\nHost: example.org\r\nContent-Length: 5\r\n\r\nhe")
    expect_alive(server)
    stopping = begin_stop(server)
    client.write("llo")
    expect(client.read_response).to be_closing.and have_attributes(status: 200)
    expect(client).to be_eof
    expect(stopping.join(3)).to be(stopping)
  end

  it "lets an enumerable body finish" do
    latch = Latch.new
    server = serve do
      [200, {}, Enumerator.new { |chunks| (chunks << "first") && latch.wait && (chunks << "last") }]
    end
    client = connect(server).write(request_bytes("GET", "/"))
    client.read_head
    expect(client.read_chunk).to eq("first")
    stopping = begin_stop(server)
    latch.open
    expect([client.read_chunk, client.read_chunk]).to eq(["last", nil])
    expect(client).to be_eof
    expect(stopping.join(3)).to be(stopping)
  end

  it "ends what is still there when the time has passed" do
    server = serve_held
    client = hold(server)
    expect(elapsed { server.stop(timeout: 0.3) }).to be_between(0.25, 5)
    expect(client).to be_ended
  end

  it "takes the setting drain_timeout where no time is given" do
    server = serve_held(drain_timeout: 0.3)
    client = hold(server)
    expect(elapsed { server.stop }).to be_between(0.25, 5)
    expect(client).to be_ended
  end

  it "may be called again, and from several threads" do
    server = serve_held
    expect(get(server, "/").status).to eq(200)
    Array.new(3) { Thread.new { server.server.stop(timeout: 5) } }.each { |thread| expect(thread.join(5)).to be(thread) }
    expect { server.server.stop(timeout: 1) }.not_to raise_error
  end

  it "gives back threads and descriptors" do
    serve_held.tap { |server| get(server, "/") }.stop # what is loaded and opened once is there from here on
    GC.start # what servers of other examples have left to the garbage collector must not hide what is looked for
    baseline = resource_counts
    10.times do
      server = serve_held
      clients = Array.new(5) { connect(server).write(request_bytes("GET", "/")) }
      clients.each { |client| expect(client.read_response.status).to eq(200) }
      server.stop
      clients.each(&:close)
    end
    counts_return_to(baseline)
  end
end
