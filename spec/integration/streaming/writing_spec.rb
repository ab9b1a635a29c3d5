# frozen_string_literal: true

require "spec_helper"
require "support/streaming/helper"

# A stream is written to as an IO is: an end of a socket pair is what it is compared with.
RSpec.describe "Writing to a stream" do
  include StreamingHelper

  it "raises before the response has begun as a stream: nothing is lost in silence" do
    server = serve do |env|
      env["PATH_INFO"] == "/nonblock" ? env["penstock.stream"].write_nonblock("a") : env["penstock.stream"].write("a" * 300_000)
      [200, {}, ["ok"]]
    rescue Penstock::Error => e
      [200, {}, [e.message]]
    end
    %w[/ /nonblock].each { |path| expect(get(server, path).body).to start_with("nothing can be written before the response has begun") }
  end

  # A response whose stream is left open, and the stream.
  def open_one
    open_stream(serve_left_open)
  end

  # What the block does to one end of a socket pair, and the bytes that arrive at the other.
  def with_socket
    one, other = UNIXSocket.pair
    result = yield one
    one.close unless one.closed?
    [result, other.read]
  ensure
    [one, other].each(&:close)
  end

  {
    "a String" => ["abc"],
    "several Strings" => %w[a bc def],
    "a String that is not ASCII" => ["\u00e4\u20ac"],
    "a String of bytes" => ["\xFF\x00\xFE".b],
    "a String in UTF-16" => ["ab".encode("UTF-16LE")],
    "Integers, as MessageBus writes them" => [1234, "\r\n", 0],
    "symbols, floats and other things with to_s" => [:sym, 1.5, nil, [1, 2]],
    "one Integer" => [42],
    "one symbol" => [:sym],
    "nil" => [nil],
    "an empty String" => [""],
    "nothing" => []
  }.each do |name, arguments|
    it "takes #{name} and returns the number of bytes" do
      response, stream = open_one
      written = stream.write(*arguments)
      stream.close
      expect([written, response.rest]).to eq(with_socket { |socket| socket.write(*arguments) })
    end
  end

  it "appends with <<, which takes what to_s takes and returns the stream" do
    response, stream = open_one
    expect(stream << "a" << 1 << :b << nil).to equal(stream)
    stream.close
    expect(response.rest).to eq("a1b")
  end

  it "has taken the bytes when it returns: the String may be changed" do
    response, stream = open_one
    text = +"before"
    stream.write(text)
    text.replace("after!")
    stream.close
    expect(response.rest).to eq("before")
  end

  it "has nothing to flush, and returns itself" do
    response, stream = open_one
    expect(stream.flush).to equal(stream)
    stream.write("here;")
    expect(stream.flush).to equal(stream)
    expect(response.text_until(";")).to eq("here;")
  end

  it "writes without blocking what there is room for" do
    response, stream = open_one
    expect(stream.write_nonblock("abc")).to eq(3)
    expect(stream.write_nonblock(42, exception: false)).to eq(2)
    stream.close
    expect(response.rest).to eq("abc42")
  end

  it "says when there is no room without blocking, and loses nothing of what it said it took" do
    server = serve_left_open(send_buffer_bytes: 32_768)
    response, stream = open_stream(server, receive_buffer: 4096)
    sent = 0
    digits = "0123456789" * 1000
    eventually(20) do
      written = stream.write_nonblock(digits.byteslice((sent % 10)..), exception: false)
      sent += written if written.is_a?(Integer)
      written == :wait_writable
    end
    full_again = -> { loop { sent += stream.write_nonblock(digits.byteslice((sent % 10)..)) } }
    expect(&full_again).to raise_error(IO::WaitWritable)
    closing = Thread.new { stream.close }
    text = response.rest
    closing.join
    expect(text.bytesize).to eq(sent)
    expect(text).to eq((digits * ((sent / digits.bytesize) + 1)).byteslice(0, sent))
  end

  it "is closed once and for all" do
    response, stream = open_one
    expect(stream).not_to be_closed
    expect(Array.new(3) { stream.close }).to eq([nil, nil, nil])
    expect(stream).to be_closed
    expect([stream.close_read, stream.close_write]).to eq([nil, nil])
    expect(response.rest).to eq("")
  end

  {
    "write" => ->(stream) { stream.write("late") },
    "<<" => ->(stream) { stream << "late" },
    "write_nonblock" => ->(stream) { stream.write_nonblock("late") },
    "write_nonblock without exceptions" => ->(stream) { stream.write_nonblock("late", exception: false) },
    "read" => lambda(&:read),
    "read with a length" => ->(stream) { stream.read(1) },
    "readpartial" => ->(stream) { stream.readpartial(1) },
    "read_nonblock" => ->(stream) { stream.read_nonblock(1) },
    "read_nonblock without exceptions" => ->(stream) { stream.read_nonblock(1, exception: false) }
  }.each do |name, operation|
    it "raises IOError for #{name} behind a close, as a socket does" do
      expect { with_socket { |socket| socket.close || operation.call(socket) } }.to raise_error(IOError)
      response, stream = open_one
      stream.close
      expect { operation.call(stream) }.to raise_error(IOError, "closed stream")
      expect(response.rest).to eq("")
    end
  end

  it "may be done by many threads at once, and nothing is lost" do
    response, stream = open_one
    threads = Array.new(8) do |number|
      Thread.new { 100.times { |count| stream.write("#{number}:", count, "\n") } }
    end
    threads.each(&:join)
    stream.close
    expect(response.rest.lines(chomp: true).sort)
      .to eq(Array.new(8) { |number| Array.new(100) { |count| "#{number}:#{count}" } }.flatten.sort)
  end
end
