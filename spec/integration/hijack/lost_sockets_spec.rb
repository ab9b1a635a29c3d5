# frozen_string_literal: true

require "spec_helper"
require "support/hijack/helper"
require "support/vm/garbage"

# A hijacked socket is Ruby's own: one that nothing refers to any more is closed with its garbage, as every IO is. What is still
# on a stack or in a register counts as referred to, so no example says of one socket when that happens: of many, it happens to
# most.
RSpec.describe "Hijacked sockets that the application has lost" do
  include Garbage
  include HijackHelper

  # Serves an application that writes to every socket that it takes over, and forgets it.
  def serve_forgetful(unix: false, **settings)
    settings[:bind] = "unix://#{temporary_folder}/socket" if unix
    serve(**settings) do |env|
      next [200, {}, ["ordinary"]] if env["PATH_INFO"] == "/ordinary"

      env["rack.hijack"].call.write("begun;")
      nil
    end
  end

  HijackHelper::KINDS.each do |kind, (given, early)|
    it "show their clients an end, and are no longer counted: #{kind}" do
      server = serve_forgetful(linger_timeout: 0.2, linger_total: 0.5, **given)
      clients = Array.new(Garbage::MANY) { hijack(server, early: early).tap { |client| client.read_until("begun;") } }
      expect(server.server.stats[:hijacked]).to eq(Garbage::MANY)
      collect_until(server) { clients.count { |client| client.ended?(0) } >= Garbage::MOST }
      eventually { expect(server.server.stats[:connections]).to be <= Garbage::MANY - Garbage::MOST }
    end
  end

  it "do not include those that the application has kept in env, or that a thread reads from" do
    latch = Latch.new
    kept = []
    server = serve(threads: 3) do |env|
      next [200, {}, ["ordinary"]] if env["PATH_INFO"] == "/ordinary"

      env["rack.hijack"].call
      env["PATH_INFO"] == "/kept" ? kept << env : Thread.new(env["rack.hijack_io"]) { |io| latch.wait && io.write("late") && io.close }
      nil
    end
    clients = Array.new(20) { |number| connect(server).write(request_bytes("GET", number.even? ? "/kept" : "/thread")) }
    eventually { server.server.stats[:hijacked] == 20 }
    5.times { collect(server) }
    expect(clients.count { |client| client.ended?(0) }).to eq(0)
    latch.open
    kept.each { |env| env["rack.hijack_io"].write("late") && env["rack.hijack_io"].close }
    expect(clients.map(&:read_to_eof)).to all(eq("late"))
  end
end
