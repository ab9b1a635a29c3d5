# frozen_string_literal: true

require "spec_helper"
require "support/streaming/helper"

# A stream is read as an IO is, wherever its bytes come from: each row does the same to a socket, and expects the same.
RSpec.describe "Reading from a stream" do
  include StreamingHelper

  text = "hello, world".b

  # What the operation returns, or the class of what it raises; a buffer that it was given is returned too.
  outcome = lambda do |io, operation|
    operation.call(io)
  rescue StandardError => e
    e.class
  end

  # From where a stream reads: method, header fields and bytes of the request, and settings of the server.
  sources = {
    "a chunked body" => [{ "transfer-encoding" => "chunked" }, "c\r\n#{text}\r\n0\r\n\r\n", {}],
    "a body with a length" => [{ "content-length" => text.bytesize.to_s }, text, {}],
    "a body with a length that is not buffered" => [{ "content-length" => text.bytesize.to_s }, text, { request_buffering: false }],
    "a body that went to a file" => [{ "content-length" => text.bytesize.to_s }, text, { body_memory_bytes: 4 }]
  }

  # What is done to the stream, in this order.
  operations = {
    "read" => lambda(&:read),
    "read twice" => ->(io) { [io.read, io.read] },
    "read(nil)" => ->(io) { io.read(nil) },
    "read(0)" => ->(io) { io.read(0) },
    "read(0) at the end" => ->(io) { [io.read, io.read(0)] },
    "read(5) until the end" => ->(io) { Array.new(5) { io.read(5) } },
    "read(12), which is all, and read(1)" => ->(io) { [io.read(12), io.read(1)] },
    "read(100)" => ->(io) { io.read(100) },
    "read(5) and the rest" => ->(io) { [io.read(5), io.read] },
    "read(5, buffer)" => ->(io) { (+"old content").then { |buffer| [io.read(5, buffer).equal?(buffer), buffer] } },
    "read(100, buffer)" => ->(io) { (+"old").then { |buffer| [io.read(100, buffer).equal?(buffer), buffer] } },
    "read(nil, buffer)" => ->(io) { (+"old").then { |buffer| [io.read(nil, buffer).equal?(buffer), buffer] } },
    "read(5, buffer) at the end" => ->(io) { io.read && (+"old").then { |buffer| [io.read(5, buffer), buffer] } },
    "read(nil, buffer) at the end" => ->(io) { io.read && (+"old").then { |buffer| [io.read(nil, buffer), buffer] } },
    "read(-1)" => ->(io) { io.read(-1) },
    "the encoding of read" => ->(io) { io.read.encoding },
    "the encoding of read(5)" => ->(io) { io.read(5).encoding },
    "readpartial(5)" => ->(io) { io.readpartial(5) },
    "readpartial(100) behind read(5)" => ->(io) { [io.read(5), io.readpartial(100)] },
    "readpartial(5, buffer)" => ->(io) { (+"old").then { |buffer| [io.readpartial(5, buffer).equal?(buffer), buffer] } },
    "readpartial(0)" => ->(io) { io.readpartial(0) },
    "readpartial(-1)" => ->(io) { io.readpartial(-1) },
    "readpartial at the end" => ->(io) { io.read && io.readpartial(5) },
    "the buffer of readpartial at the end" => lambda do |io|
      io.read
      buffer = +"old"
      [outcome.call(io, ->(same) { same.readpartial(5, buffer) }), buffer]
    end,
    "read_nonblock behind read(5)" => ->(io) { [io.read(5), io.read_nonblock(100)] },
    "read_nonblock(3) behind read(5)" => ->(io) { [io.read(5), io.read_nonblock(3), io.read] },
    "read_nonblock(3, buffer) behind read(5)" => lambda do |io|
      buffer = +"old content"
      [io.read(5), io.read_nonblock(3, buffer).equal?(buffer), buffer]
    end,
    "read_nonblock at the end" => ->(io) { io.read && io.read_nonblock(5) },
    "read_nonblock at the end without exceptions" => ->(io) { io.read && [io.read_nonblock(5, exception: false)] }
  }

  # What the operation comes to on one end of a socket pair to which the text was written, and which was then ended.
  define_method(:on_a_socket) do |operation|
    one, other = UNIXSocket.pair
    other.write(text)
    other.close
    outcome.call(one, operation)
  ensure
    one.close
  end

  # What it comes to on a stream.
  define_method(:on_a_stream) do |(headers, bytes, settings), operation|
    server = serve_stream(**settings) do |stream, _env|
      notes << [outcome.call(stream, operation)]
      stream.close
    end
    open_response(server, method: "POST", headers: headers)
    client.write(bytes)
    notes.pop.first
  end

  sources.each do |source, request|
    describe "of #{source}" do
      operations.each do |name, operation|
        it "does #{name} as a socket does" do
          expect(on_a_stream(request, operation)).to eq(on_a_socket(operation))
        end
      end
    end
  end

  describe "before all has come" do
    # A stream whose client has sent a first piece, and will send more.
    def open_one
      _, stream = open_stream(serve_left_open, method: "POST", headers: { "transfer-encoding" => "chunked" })
      client.write("3\r\none\r\n")
      expect(stream.read(3)).to eq("one")
      stream
    end

    it "says that nothing is there yet without blocking" do
      stream = open_one
      expect { stream.read_nonblock(5) }.to raise_error(IO::WaitReadable)
      expect(stream.read_nonblock(5, exception: false)).to eq(:wait_readable)
      client.write("3\r\ntwo\r\n")
      expect(eventually { (got = stream.read_nonblock(5, exception: false)) != :wait_readable && got }).to eq("two")
    end

    it "waits in read(n) for all n bytes, over several chunks, and takes no more" do
      stream = open_one
      reader = Thread.new { stream.read(5) }
      client.write("3\r\ntwo\r\n")
      eventually { reader.stop? }
      client.write("5\r\nthree\r\n")
      expect(reader.value).to eq("twoth")
      expect(stream.read(3)).to eq("ree")
    end

    it "waits in readpartial for the first bytes alone" do
      stream = open_one
      reader = Thread.new { stream.readpartial(100) }
      eventually { reader.stop? }
      client.write("3\r\ntwo\r\n")
      expect(reader.value).to eq("two")
    end

    it "lets other threads write and read on other streams while one waits" do
      stream = open_one
      reader = Thread.new { stream.read }
      eventually { reader.stop? }
      stream.write("answer")
      expect(client.read_chunk).to eq("answer")
      client.write("0\r\n\r\n")
      expect(reader.value).to eq("")
    end

    it "can be interrupted" do
      stream = open_one
      reader = Thread.new { stream.read(1) }
      reader.report_on_exception = false
      eventually { reader.stop? }
      reader.raise(Interrupt, "enough")
      expect { reader.value }.to raise_error(Interrupt)
      client.write("3\r\ntwo\r\n")
      expect(stream.read(3)).to eq("two")
    end
  end

  it "raises where the client breaks the body off, and does not take that for its end" do
    server = serve_stream do |stream, _env|
      notes << stream.read(3)
      notes << outcome.call(stream, lambda(&:read))
    end
    open_response(server, method: "POST", headers: { "transfer-encoding" => "chunked" })
    client.write("3\r\none\r\nbroken\r\n")
    expect(Array.new(2) { notes.pop }).to match(["one", be <= IOError])
  end
end
