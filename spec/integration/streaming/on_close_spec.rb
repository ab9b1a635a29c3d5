# frozen_string_literal: true

require "spec_helper"
require "support/streaming/helper"

RSpec.describe "on_close" do
  include StreamingHelper

  # What ends a stream, and of which class is what on_close is given.
  ends = {
    "a local close" => [->(stream, _client) { stream.close }, [NilClass]],
    "a reset" => [->(_stream, client) { client.abort }, [Errno::ECONNRESET, Errno::EPIPE]],
    "a FIN" => [->(_stream, client) { client.close }, [Errno::ECONNRESET, Errno::EPIPE]]
  }

  # The next `count` notes; more of them must not come.
  def noted(count)
    eventually { notes.size >= count }
    Array.new(count) { notes.pop }.tap { expect(notes).to be_empty }
  end

  ends.each do |name, (finish, classes)|
    describe "and #{name}" do
      it "runs each block once" do
        _, stream = open_stream(serve_left_open)
        3.times { |number| stream.on_close { |cause| notes << [number, cause] } }
        finish.call(stream, client)
        numbers, causes = noted(3).transpose
        expect(numbers).to contain_exactly(0, 1, 2)
        expect(causes.map { |cause| classes.include?(cause.class) }).to all(be(true))
        stream.close
        client.close
        stream.on_close { notes << :late }
        expect(noted(1)).to eq([:late])
      end

      it "runs a block at once that is registered later" do
        _, stream = open_stream(serve_left_open)
        finish.call(stream, client)
        eventually { stream.closed? }
        stream.on_close { |cause| notes << cause.class }
        expect(classes).to include(*noted(1))
      end
    end
  end

  it "keeps the error of a client that has gone, though the stream was closed behind it" do
    _, stream = open_stream(serve_left_open)
    stream.on_close { |cause| notes << cause }
    client.abort
    eventually { stream.closed? }
    stream.close
    expect(noted(1)).to match([be_a(SystemCallError)])
  end

  it "is not called for a client that goes when the stream was closed already" do
    response, stream = open_stream(serve_left_open)
    stream.on_close { |cause| notes << [cause] }
    stream.close
    expect(response.rest).to eq("")
    client.abort
    expect(noted(1)).to eq([[nil]])
  end

  it "returns the stream, and wants a block" do
    _, stream = open_stream(serve_left_open)
    expect(stream.on_close { nil }).to equal(stream)
    expect { stream.on_close }.to raise_error(ArgumentError, /block/)
  end

  it "can be registered before the response has begun" do
    server = serve do |env|
      env["penstock.stream"].on_close { notes << :closed }
      [200, {}, lambda(&:close)]
    end
    expect(open_response(server).rest).to eq("")
    expect(noted(1)).to eq([:closed])
  end

  it "runs all blocks of a server on one thread, which is none of those that call the application" do
    workers = Thread::Queue.new
    server = serve_stream(threads: 2) do |stream, _env|
      workers << Thread.current
      stream.on_close { notes << Thread.current }
      streams << stream
    end
    10.times { |number| open_stream(server).last.then { |stream| number.even? ? stream.close : client.abort } }
    threads = noted(10).uniq
    expect(threads.size).to eq(1)
    expect(Array.new(workers.size) { workers.pop }).not_to include(threads.first)
    open_stream(server).last.close
    expect(noted(1)).to eq(threads)
  end

  it "logs what a block raises, and runs the others" do
    server = serve_left_open
    _, stream = open_stream(server)
    stream.on_close { raise "an error in on_close" }
    stream.on_close { throw :nobody_catches }
    stream.on_close { notes << :other }
    stream.close
    expect(noted(1)).to eq([:other])
    eventually { server.log.include?("an error in on_close") && server.log.include?("nobody_catches") }
    expect(server.log.scan("an error in on_close").size).to eq(1)
    _, stream = open_stream(server)
    stream.on_close { notes << :next }
    stream.close
    expect(noted(1)).to eq([:next])
  end

  it "goes on when a block has killed its thread" do
    server = serve_left_open
    _, stream = open_stream(server)
    stream.on_close { Thread.current.kill }
    stream.close
    _, stream = open_stream(server)
    stream.on_close { notes << :next }
    stream.close
    expect(noted(1)).to eq([:next])
  end

  it "holds up no request while a block waits" do
    latch = Latch.new
    server = serve_left_open(threads: 1)
    _, stream = open_stream(server)
    stream.on_close { latch.wait }
    stream.close
    eventually { latch.waiting == 1 }
    expect(get(server, "/ordinary").body).to eq("ordinary")
    latch.open
  end

  it "may use streams: a block that writes to those that are left" do
    server = serve_left_open
    response, stream = open_stream(server)
    _, leaving = open_stream(server)
    leaving.on_close { stream.write("one has left;") }
    client.abort
    expect(response.text_until(";")).to eq("one has left;")
  end

  it "is called with an error when the server stops" do
    server = serve_left_open
    _, stream = open_stream(server)
    stream.on_close { |cause| notes << cause }
    server.stop(timeout: 0.1)
    expect(noted(1)).to match([be_a(Errno::EPIPE)])
    expect { stream.write("late") }.to raise_error(Errno::EPIPE)
  end

  describe "registered when the server has stopped" do
    # A stream of a server that has stopped; the block is what happens before.
    def stopped_stream
      server = serve_left_open
      _, stream = open_stream(server)
      yield stream if block_given?
      server.stop(timeout: 0)
      stream
    end

    it "calls the block in place, with what a write raises, and keeps nothing" do
      stream = stopped_stream
      expect(stream.on_close { |cause| notes << [cause, Thread.current] }).to equal(stream)
      expect(noted(1)).to match([[be_a(Errno::EPIPE), Thread.current]])
      expect(stream.registry.close).to be_empty
    end

    it "gives the block nil where the stream was closed before" do
      stopped_stream(&:close).on_close { |cause| notes << [cause] }
      expect(noted(1)).to eq([[nil]])
    end

    it "lets the caller have what the block raises" do
      stream = stopped_stream
      expect { stream.on_close { raise "an error in on_close" } }.to raise_error("an error in on_close")
    end
  end

  it "is called when the server stops also where a block before it does not return" do
    server = serve_left_open
    held, *others = Array.new(5) { open_stream(server).last }
    held.on_close { Thread::Queue.new.pop }
    held.close
    others.each { |stream| stream.on_close { |cause| notes << cause } }
    server.stop(timeout: 0)
    expect(noted(4)).to all(be_a(Errno::EPIPE))
    expect(held.registry.close).to be_empty
  end

  it "lets the server stop though no block returns, and says in the log how many were not called" do
    server = serve_left_open
    pairs = Array.new(5) { open_stream(server).last }
    pairs.each { |stream| stream.on_close { Thread::Queue.new.pop } }
    began = now
    server.stop(timeout: 0)
    expect(now - began).to be < 8
    expect(server.log).to include("3 blocks of on_close not called")
    expect(pairs.first.registry.close).to be_empty
  end

  it "is called once when the code raises" do
    server = serve_stream do |stream, _env|
      stream.on_close { notes << :closed }
      raise "an error of the application"
    end
    expect(open_response(server)).to be_broken
    expect(noted(1)).to eq([:closed])
  end

  it "is called for an enumerable body and an Array too, when they have been sent" do
    [["one"], ["one"].each].each do |body|
      server = serve do |env|
        env["penstock.stream"].on_close { |cause| notes << [cause] }
        [200, {}, body]
      end
      expect(get(server, "/").body).to eq("one")
      expect(noted(1)).to eq([[nil]])
    end
  end

  it "is called for a connection that was taken over when the application's call has returned, and keeps nothing" do
    latch = Latch.new
    server = serve do |env|
      next [200, {}, ["ordinary"]] if env["PATH_INFO"] == "/ordinary"

      stream = env["penstock.stream"]
      stream.on_close { |cause| notes << [cause, env["PATH_INFO"]] }
      streams << stream
      env["rack.hijack"].call.then { |io| io.write("taken;") && io.close }
      latch.wait
      [-1, {}, []]
    end
    client = connect(server).write(request_bytes("GET", "/taken"))
    expect(client.read_to_eof).to eq("taken;")
    expect(notes).to be_empty
    latch.open
    expect(noted(1)).to eq([[nil, "/taken"]])
    stream = streams.pop
    expect(stream).to be_closed
    stream.on_close { notes << :late }
    expect(noted(1)).to eq([:late])
    expect(stream.registry.delete_callbacks(stream.id)).to be_empty
  end

  it "keeps nothing of a stream when its blocks have run" do
    _, stream = open_stream(serve_left_open)
    50.times { stream.on_close { notes << 1 } }
    stream.close
    noted(50)
    expect(stream.registry.delete_callbacks(stream.id)).to be_empty
  end
end
