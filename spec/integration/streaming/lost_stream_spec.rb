# frozen_string_literal: true

require "spec_helper"
require "support/streaming/helper"

# A stream that was left open and that nothing refers to any more can never be closed.
RSpec.describe "A stream that the application has lost" do
  include StreamingHelper

  lost = /a stream was lost/

  # Collects garbage until the block is true. The one thread that has served the stream serves something else meanwhile: what it
  # still has on its stack counts as referred to.
  def collect_until(server)
    eventually(20) do
      10.times { get(server, "/ordinary") }
      GC.start
      yield
    end
  end

  StreamingForms::ALL.each_key do |form|
    it "is aborted and logged once: #{form}" do
      server = serve_stream(form, threads: 1) { |stream, _env| stream.write("begun;") }
      response = open_response(server)
      expect(response.text_until(";")).to eq("begun;")
      collect_until(server) { server.log.match?(lost) }
      expect(response).to be_broken
      GC.start
      expect(server.log.scan(lost).size).to eq(1)
    end
  end

  it "is aborted behind a 101, too" do
    server = serve_stream(status: 101, headers: { "rack.protocol" => "chat" }, threads: 1) { |stream, _env| stream.write("begun;") }
    open_response(server, headers: { "connection" => "upgrade", "upgrade" => "chat" })
    client.read_until("begun;")
    collect_until(server) { server.log.match?(lost) }
    expect(client).to be_reset
    expect(server.log.scan(lost).size).to eq(1)
  end

  it "tells those who wait for its end" do
    notes = self.notes
    tell = proc { notes << :closed } # made here: one that is made below would refer to the stream
    server = serve_stream(threads: 1) { |stream, _env| stream.on_close(&tell) }
    open_response(server)
    collect_until(server) { notes.size == 1 }
    expect(client.read_to_eof).not_to end_with("0\r\n\r\n")
  end

  it "is not lost while a thread that will write to it holds it" do
    latch = Latch.new
    server = serve_stream do |stream, _env|
      Thread.new { latch.wait && stream.write("late") && stream.close }
    end
    response = open_response(server)
    10.times { get(server, "/ordinary") && GC.start }
    latch.open
    expect(response.rest).to eq("late")
    expect(server.log).not_to match(lost)
  end

  it "is nothing to log when it was closed, or its client had gone, or its length was reached" do
    server = serve(threads: 1) do |env|
      case env["PATH_INFO"]
      when "/closed" then [200, {}, lambda(&:close)]
      when "/gone" then [200, {}, ->(_stream) { env["penstock.stream"].on_close { notes << :gone } }]
      when "/whole" then [200, { "content-length" => "3" }, ->(stream) { stream.write("all") }]
      else [200, {}, []]
      end
    end
    expect(get(server, "/closed").body).to eq("")
    expect(get(server, "/whole").body).to eq("all")
    client = connect(server).write(request_bytes("GET", "/gone"))
    client.read_head
    client.abort
    notes.pop
    before = ObjectSpace.each_object(Penstock::Stream).count
    collect_until(server) { ObjectSpace.each_object(Penstock::Stream).count < before || before < 10 }
    expect(server.log).to eq("")
  end
end
