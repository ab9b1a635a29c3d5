# frozen_string_literal: true

require "spec_helper"
require "support/streaming/helper"

# The two directions of a stream are closed each for itself, as a socket's are.
RSpec.describe "Closing one direction of a stream" do
  include StreamingHelper

  it "ends the response with close_write, and still reads" do
    server = serve_left_open
    response, stream = open_stream(server, method: "POST", headers: { "transfer-encoding" => "chunked" })
    client.write("3\r\none\r\n")
    expect(stream.read(3)).to eq("one")
    stream.write("all")
    expect(stream.close_write).to be_nil
    expect(response.rest).to eq("all")
    expect { stream.write("late") }.to raise_error(IOError)
    client.write("3\r\ntwo\r\n0\r\n\r\n")
    expect(stream.read).to eq("two")
    stream.close
  end

  it "stops reading with close_read, and still writes" do
    server = serve_left_open
    response, stream = open_stream(server, method: "POST", headers: { "transfer-encoding" => "chunked" })
    client.write("3\r\none\r\n")
    expect(stream.read(1)).to eq("o")
    expect(stream.close_read).to be_nil
    expect { stream.read(1) }.to raise_error(IOError)
    expect(stream).not_to be_closed
    stream.write("all")
    stream.close
    expect(response.rest).to eq("all")
  end

  it "leaves nothing to be flushed behind a close" do
    _, stream = open_stream(serve_left_open)
    stream.close
    expect { stream.flush }.to raise_error(IOError, "closed stream")
  end
end
