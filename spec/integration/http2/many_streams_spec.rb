# frozen_string_literal: true

require "spec_helper"
require "support/http2/streaming"

RSpec.describe "A thousand streams on ten HTTP/2 connections" do
  include StreamingHelper
  include Http2::Streaming

  it "are held by five threads, get what is broadcast, and leave nothing behind", limit: 120 do
    server = serve_left_open(threads: 5)
    expect(get(server, "/ordinary").body).to eq("ordinary")
    GC.start
    baseline = resource_counts
    connections = Array.new(10) { connect_http2(server) }
    responses = connections.flat_map { |connection| Array.new(100) { connection.request("GET", "/") } }
    opened = Array.new(1000) { streams.pop }
    closed = Queue.new
    opened.each { |stream| stream.on_close { |error| closed << error } }

    3.times { |round| opened.each { |stream| stream.write("round #{round};") } }
    expect(get(server, "/ordinary").body).to eq("ordinary")
    expect(responses.map { |response| response.read_bytes(24) }).to all(eq("round 0;round 1;round 2;"))

    connections.first(5).each(&:close)
    expect(Array.new(500) { closed.pop }).to all(be_a(SystemCallError))
    opened.reject(&:closed?).each(&:close)
    expect(Array.new(500) { closed.pop }).to all(be_nil)
    expect(responses.last(500).map(&:rest)).to all(eq(""))
    connections.last(5).each(&:close)
    counts_return_to(baseline)
    eventually { server.server.stats[:connections].zero? }
  end
end
