# frozen_string_literal: true

require "spec_helper"
require "penstock"
require "support/hijack/helper"

# A hijack that fails halfway, or is interrupted while it waits for the socket, leaves no client behind that waits for ever.
RSpec.describe "A hijack that does not come to its end" do
  include HijackHelper

  disturbance = Class.new(StandardError)

  # How often it is tried to meet a hijack while it waits, which is for a moment only.
  attempts = 100

  # Serves an application that takes its connections over; each time its thread is interrupted as soon as another one runs.
  #
  # @yieldparam env [Hash] after the interrupt
  def serve_interrupted
    serve(threads: 1) do |env|
      notes << Thread.current
      env["rack.hijack"].call
      Thread::Queue.new.pop
    rescue interrupt
      yield env
    end
  end

  # What the clients see, one after the other, whose hijacks are interrupted.
  define_method(:seen_with) do |server|
    Array.new(attempts) do
      client = hijack(server, headers: { "connection" => "close" })
      notes.pop.raise(interrupt)
      client.read_to_eof.tap { client.close }
    end
  end

  define_method(:interrupt) { disturbance }

  it "closes the connection, or answers, when the application gives up" do
    server = serve_interrupted do |env|
      env["rack.hijack_io"]&.close
      raise "given up"
    end
    expect(seen_with(server)).to all(match(/\A\z|\AHTTP.1.1 500 /))
    eventually { server.server.stats[:connections].zero? }
  end

  it "can be begun again" do
    server = serve_interrupted do |env|
      env["rack.hijack"].call.then { |io| io.write("taken over") && io.close }
      nil
    end
    expect(seen_with(server)).to all(eq("taken over"))
  end

  {
    "a hijacked socket" => [Penstock::HijackedSocket::TCP, "GET", nil],
    "a hijacked socket pair" => [Penstock::HijackedSocket::Pair, "GET", HijackHelper::EARLY],
    "a body in a file" => [File, "POST", nil]
  }.each do |what, (type, method, early)|
    it "keeps no descriptor when #{what} cannot be made an IO" do
      server = serve(body_memory_bytes: 10) { |env| env["PATH_INFO"] == "/ordinary" ? [200, {}, []] : env["rack.hijack"].call }
      request(server, "POST", "/ordinary", body: "x" * 1000)
      baseline = resource_counts
      allow(type).to receive(:for_fd).and_raise(NoMemoryError, "an IO that is too much")
      5.times do
        body = "x" * 1000 if method == "POST"
        client = connect(server).write(request_bytes(method, "/", headers: { "connection" => "close" }, body: body) + early.to_s)
        expect(client.read_to_eof).to match(/\A\z|\AHTTP.1.1 500 /)
        client.close
      end
      eventually { server.log.include?("an IO that is too much") }
      eventually { resource_counts.descriptors <= baseline.descriptors }
    end
  end
end
