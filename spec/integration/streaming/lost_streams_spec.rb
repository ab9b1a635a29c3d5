# frozen_string_literal: true

require "spec_helper"
require "support/streaming/helper"
require "support/vm/garbage"

# A stream that was left open and that nothing refers to any more can never be closed. What is still on a stack or in a register
# counts as referred to, so no example says of one stream when it is found to be lost: of many, most are.
RSpec.describe "Streams that the application has lost" do
  include Garbage
  include StreamingHelper

  lost = /a stream was lost/

  # Opens streams that begin with "begun;" and reads that much.
  def open_begun(server, **options)
    Array.new(Garbage::MANY) do
      response = open_response(server, **options)
      expect(response.text_until(";")).to eq("begun;")
      client
    end
  end

  # Expects that most of the connections end, and behind no last chunk, since `ended?` allows for no further byte.
  def expect_most_broken(server, clients, pattern)
    collect_until(server) { server.log.scan(pattern).size >= Garbage::MOST }
    eventually { expect(clients.count { |client| client.ended?(0) }).to eq(server.log.scan(pattern).size) }
  end

  StreamingForms::ALL.each_key do |form|
    it "are broken off, and the log says so once for each: #{form}", rack: StreamingForms.rack(form) do
      server = serve_stream(form) { |stream, _env| stream.write("begun;") }
      expect_most_broken(server, open_begun(server), lost)
    end
  end

  it "are broken off where their length was announced, too" do
    server = serve_stream(headers: { "content-length" => "100" }) { |stream, _env| stream.write("begun;") }
    clients = Array.new(Garbage::MANY) do
      expect(open_response(server).headers["content-length"]).to eq(["100"])
      client.tap { |one| one.read_until("begun;") }
    end
    expect_most_broken(server, clients, lost)
  end

  it "are broken off behind a 101, too" do
    server = serve_stream(status: 101, headers: { "rack.protocol" => "chat" }) { |stream, _env| stream.write("begun;") }
    clients = Array.new(Garbage::MANY) do
      open_response(server, headers: { "connection" => "upgrade", "upgrade" => "chat" })
      client.tap { |one| one.read_until("begun;") }
    end
    expect_most_broken(server, clients, lost)
  end

  it "have their on_close run" do
    notes = self.notes
    tell = proc { notes << :closed } # made here: one that is made below would refer to the stream
    server = serve_stream do |stream, _env|
      stream.on_close(&tell)
      stream.write("begun;")
    end
    clients = open_begun(server)
    collect_until(server) { notes.size >= Garbage::MOST }
    eventually { expect(clients.count { |client| client.ended?(0) }).to eq(notes.size) }
  end

  it "do not include those that a thread will write to" do
    latch = Latch.new
    server = serve_stream do |stream, _env|
      Thread.new { latch.wait && stream.write("late") && stream.close }
    end
    responses = Array.new(Garbage::MANY) { open_response(server) }
    responses.each(&:status)
    5.times { collect(server) }
    latch.open
    expect(responses.map(&:rest)).to all(eq("late"))
    expect(server.log).not_to match(lost)
  end

  {
    "were closed" => lambda(&:close),
    "were aborted by their own application, which raised" => ->(_stream) { raise IOError, "the application's own" },
    "have all of their length" => ->(stream) { stream.write("all") }
  }.each do |description, run|
    it "do not include those that #{description}" do
      known = ObjectSpace::WeakMap.new
      headers = description.include?("length") ? { "content-length" => "3" } : {}
      server = serve_stream(headers: headers) do |stream, _env|
        known[stream] = true
        run.call(stream)
      end
      Garbage::MANY.times { open_response(server).broken? }
      collect_until(server) { known.size <= Garbage::MANY - Garbage::MOST }
      expect(server.log).not_to match(lost)
    end
  end

  it "do not include those whose clients have gone" do
    known = ObjectSpace::WeakMap.new
    server = serve_stream do |stream, _env|
      known[stream] = true
      stream.on_close { notes << :gone }
    end
    Garbage::MANY.times { open_response(server).status && client.abort }
    Garbage::MANY.times { notes.pop }
    collect_until(server) { known.size <= Garbage::MANY - Garbage::MOST }
    expect(server.log).to eq("")
  end
end
