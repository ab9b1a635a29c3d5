# frozen_string_literal: true

require "spec_helper"
require "support/streaming/helper"

# What a write does that finds the send buffer full: it waits, it raises, or it gives the client up. It never drops bytes.
RSpec.describe "A slow consumer" do
  include StreamingHelper

  offer = { "connection" => "upgrade", "upgrade" => "chat" }

  # How a policy is chosen: settings of the server, and what is done to the stream.
  chosen = lambda do |policy|
    {
      "by the setting" => [{ slow_consumer: policy }, nil],
      "for the stream" => [{}, policy],
      "for the stream, against the setting" => [{ slow_consumer: policy == :raise ? :disconnect : :raise }, policy]
    }
  end

  # A stream of a client that reads nothing, for which as much waits as there is room for.
  #
  # @return [Array(LiveResponse, Object, String)] the response, the stream, and what has been written
  def open_stuck(policy, server: nil, headers: {}, **settings)
    server ||= serve_left_open(send_buffer_bytes: 100_000, **settings)
    response, stream = open_stream(server, headers: headers, receive_buffer: 4096)
    stream.slow_consumer = policy if policy
    [response, stream, fill(stream)]
  end

  # Writes until nothing is taken any more, which is when several looks in a row have found no room.
  #
  # @return [String] what was written
  def fill(stream)
    written = +""
    idle = 0
    eventually(10) do
      rest = "#{written.bytesize};".ljust(1000, ".")
      taken = stream.write_nonblock(rest, exception: false)
      idle = taken == :wait_writable ? idle + 1 : 0
      written << rest.byteslice(0, taken) if idle.zero?
      idle > 20 || (idle.zero? && redo)
    end
    written
  end

  describe "raises" do
    chosen.call(:raise).each do |way, (settings, policy)|
      it "SlowConsumerError #{way}, loses nothing, and leaves the stream open" do
        response, stream, written = open_stuck(policy, **settings)
        expect { stream.write("x" * 1000) }
          .to raise_error(Penstock::SlowConsumerError) { |error| expect(error.message).to match(/\d+ bytes/) }
        expect { stream << ("x" * 1000) }.to raise_error(Penstock::SlowConsumerError)
        expect(stream).not_to be_closed
        expect(response.text_until(written)).to eq(written)
        eventually { stream.write("the end") }
        stream.close
        expect(response.rest).to eq("the end")
      end
    end

    it "at once, without a word to the log: it is the application's to judge" do
      _, stream = open_stuck(:raise)
      began = now
      expect { stream.write("x" * 1000) }.to raise_error(Penstock::SlowConsumerError)
      expect(now - began).to be < 0.5
      expect(@capture.text).to eq("")
    end
  end

  describe "is disconnected" do
    gave_up = [Errno::ECONNRESET, Errno::EPIPE]

    chosen.call(:disconnect).each do |way, (settings, policy)|
      it "#{way}: at once, with a reset, and nobody waits for it any more" do
        _, stream, written = open_stuck(policy, write_timeout: 60, **settings)
        stream.on_close { |error| notes << error.class }
        expect { stream.write("x" * 1000) }.to raise_error(SystemCallError) { |error| expect(gave_up).to include(error.class) }
        expect(stream).to be_closed
        expect { stream.write("late") }.to raise_error(SystemCallError)
        expect(gave_up).to include(notes.pop)
        expect(client.read_to_eof.bytesize).to be < written.bytesize
        expect(client.reset?(0)).to be(true)
      end
    end

    {
      "a chunked response" => [200, {}, {}],
      "a response with a content-length" => [200, { "content-length" => "10000000" }, {}],
      "a connection behind a 101" => [101, { "rack.protocol" => "chat" }, offer]
    }.each do |name, (status, fields, request)|
      it "and #{name} given up at once, though the client reads nothing" do
        server = serve_left_open(status: status, headers: fields, slow_consumer: :disconnect, write_timeout: 60)
        _, stream = open_stuck(nil, server: server, headers: request)
        expect(server.server.stats[:connections]).to eq(1)
        expect { stream.write("x" * 1000) }.to raise_error(SystemCallError)
        eventually(2) { server.server.stats[:connections].zero? }
      end
    end
  end

  describe "is waited for" do
    {
      "unless something else is said" => [{}, nil],
      "by the setting" => [{ slow_consumer: :block }, nil],
      "for the stream, against the setting" => [{ slow_consumer: :raise }, :block]
    }.each do |way, (settings, policy)|
      it way do
        response, stream, written = open_stuck(policy, **settings)
        writer = Thread.new { stream.write("x" * 1000) && stream.write("the end") && stream.close }
        eventually { writer.stop? }
        expect(response.rest).to eq("#{written}#{"x" * 1000}the end")
        writer.join
      end
    end
  end

  it "may change while the stream is open" do
    _, stream = open_stuck(:raise)
    expect { stream.write("x" * 1000) }.to raise_error(Penstock::SlowConsumerError)
    stream.slow_consumer = :disconnect
    expect { stream.write("x" * 1000) }.to raise_error(SystemCallError)
  end

  it "has no other policies" do
    _, stream = open_stream(serve_left_open)
    expect { stream.slow_consumer = :drop }.to raise_error(/block.*raise.*disconnect/)
    expect(stream).not_to be_closed
  end
end
