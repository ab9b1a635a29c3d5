# frozen_string_literal: true

require "spec_helper"
require "support/streaming/helper"

# Streams may go on until the drain's deadline, and nobody waits for it longer than they do.
RSpec.describe "Stopping a server with open streams" do
  include StreamingHelper

  # Begins to stop the server.
  #
  # @return [Thread] whose value is how long it took, in seconds
  def begin_stop(server, timeout:)
    began = now
    thread = Thread.new do
      server.stop(timeout: timeout)
      now - began
    end
    eventually do
      connect(server).close
      false
    rescue Errno::ECONNREFUSED
      true
    end
    thread
  end

  it "lets them be written to, and ends when the last of them is closed" do
    server = serve_left_open
    response, stream = open_stream(server)
    stopping = begin_stop(server, timeout: 30)
    stream.write("still here;")
    expect(response.text_until(";")).to eq("still here;")
    stream.close
    expect(response.rest).to eq("")
    expect(client).to be_eof
    expect(stopping.value).to be < 10
  end

  it "ends when the last client has left" do
    server = serve_left_open
    open_stream(server)
    stopping = begin_stop(server, timeout: 30)
    client.close
    expect(stopping.value).to be < 10
  end

  it "breaks them off at the deadline, and tells the application" do
    server = serve_left_open
    response, stream = open_stream(server)
    stream.on_close { |error| notes << error.class }
    expect(begin_stop(server, timeout: 0.3).value).to be_between(0.25, 5)
    expect(stream).to be_closed
    expect { stream.write("late") }.to raise_error(Errno::EPIPE)
    expect(notes.pop).to eq(Errno::EPIPE)
    expect(response).to be_broken
  end

  it "breaks connections behind a 101 off at the deadline, too" do
    server = serve_left_open(status: 101, headers: { "rack.protocol" => "chat" })
    _, stream = open_stream(server, headers: { "connection" => "upgrade", "upgrade" => "chat" })
    reader = Thread.new { stream.read(1) }
    reader.report_on_exception = false
    expect(begin_stop(server, timeout: 0.3).value).to be_between(0.25, 5)
    expect { reader.value }.to raise_error(Errno::EPIPE)
    expect(client).to be_ended
  end

  it "does not wait for a thread that writes to a client which reads nothing" do
    server = serve_stream { |stream, _env| loop { stream.write("x" * 10_000) } }
    open_response(server, receive_buffer: 4096).status
    expect(begin_stop(server, timeout: 0.3).value).to be < 5
  end
end
