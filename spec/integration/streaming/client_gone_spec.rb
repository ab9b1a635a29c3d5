# frozen_string_literal: true

require "spec_helper"
require "support/streaming/helper"

# When a client counts as gone: a reset always; a FIN only when it comes behind the head of a response whose body is a stream.
# Before that, during other bodies and behind a 101 it ends the client's side alone.
RSpec.describe "A client that goes" do
  include StreamingHelper

  # The longest time in which it has to show, in seconds.
  limit = 0.1

  switch = { "connection" => "upgrade", "upgrade" => "chat" }
  chunked = { "transfer-encoding" => "chunked" }

  # By name: the form of the response, its status and fields; method, version and fields of the request; what the client sends
  # behind its head.
  responses = {
    "a body with call" => ["a body with call", 200, {}, "GET", "HTTP/1.1", {}, ""],
    "a body with call through Rack::Lint" => ["a body with call through Rack::Lint", 200, {}, "GET", "HTTP/1.1", {}, ""],
    "a partial hijack" => ["a partial hijack", 200, {}, "GET", "HTTP/1.1", {}, ""],
    "a stream with a content-length" => ["a body with call", 200, { "content-length" => "100" }, "GET", "HTTP/1.1", {}, ""],
    "a stream on HTTP/1.0" => ["a body with call", 200, {}, "GET", "HTTP/1.0", {}, ""],
    "a stream behind a request with a body" => ["a body with call", 200, {}, "POST", "HTTP/1.1", { "content-length" => "4" }, "body"],
    "a stream whose request body is under way" => ["a body with call", 200, {}, "POST", "HTTP/1.1", chunked, "3\r\none\r\n"]
  }
  pipelined = {
    "a stream in front of a pipelined request" => ["a body with call", 200, {}, "GET", "HTTP/1.1", {}, "GET / HTTP/1.1\r\nhost: a\r\n\r\n"]
  }
  unread = {
    "a stream in front of 100 KB that nobody has read" => ["a body with call", 200, {}, "GET", "HTTP/1.1", {}, "x" * 100_000],
    "a stream whose request body of 100 KB nobody has read" =>
      ["a body with call", 200, {}, "POST", "HTTP/1.1", chunked, "20000\r\n#{"x" * 100_000}"]
  }
  switched = {
    "a partial hijack behind a 101" => ["a partial hijack", 101, switch, "GET", "HTTP/1.1", switch, ""],
    "a body with call behind a 101" => ["a body with call", 101, { "rack.protocol" => "chat" }, "GET", "HTTP/1.1", switch, ""]
  }
  switched_unread = {
    "a partial hijack behind a 101, with 100 KB that nobody has read" =>
      ["a partial hijack", 101, switch, "GET", "HTTP/1.1", switch, "x" * 100_000]
  }

  # How a client can leave.
  leave = { "a reset" => lambda(&:abort), "a FIN" => lambda(&:close) }

  gone = [
    *responses.merge(pipelined).to_a.product(["a reset", "a FIN"]),
    *unread.merge(switched, switched_unread).to_a.product(["a reset"])
  ]

  # Opens such a stream. Its ends go to `notes`, each with the time.
  define_method(:open_one) do |(form, status, fields, method, version, request, behind)|
    server = @server ||= serve_stream(form, status: status, headers: fields) do |_, env|
      stream = env["penstock.stream"]
      stream.on_close { |error| notes << [error, now] }
      streams << stream
    end
    response = open_response(server, method: method, version: version, headers: request)
    client.offer(behind)
    expect(response.status).to eq(status)
    streams.pop
  end

  # Has the client leave. Returns the seconds until `closed?` was true and until on_close was called.
  define_method(:measure) do |stream, way|
    expect(stream).not_to be_closed
    went = now
    leave.fetch(way).call(client)
    Thread.pass until stream.closed? || now - went > 2
    closed = now
    [closed - went, expect_told(stream) - went]
  end

  # Expects that on_close was called with what a write raises. Returns when.
  def expect_told(stream)
    eventually(2) { notes.size == 1 }
    error, called = notes.pop
    expect(error).to be_a(Errno::EPIPE).or be_a(Errno::ECONNRESET)
    expect { stream.write("to nobody") }.to raise_error(error.class)
    called
  end

  # The number in the middle.
  def median(numbers)
    numbers.sort[numbers.size / 2]
  end

  describe "for good, without a write:" do
    gone.each do |(name, response), way|
      it "#{way} on #{name} shows within #{(limit * 1000).round} ms", limit: 20, rack: StreamingForms.rack(response.first) do
        closed, called = Array.new(5) { measure(open_one(response), way) }.transpose
        expect(median(closed)).to be < limit
        expect(median(called)).to be < limit
        expect(notes).to be_empty
      end
    end

    it "unblocks a thread that writes, with EPIPE or ECONNRESET" do
      stream = open_one(responses["a body with call"])
      writer = Thread.new { loop { stream.write("x" * 10_000) } }
      writer.report_on_exception = false
      eventually { writer.stop? }
      client.abort
      expect { writer.value }.to raise_error(SystemCallError) { |error| expect(error.class).to be(Errno::EPIPE).or be(Errno::ECONNRESET) }
    end

    it "unblocks a thread that reads" do
      stream = open_one(switched["a partial hijack behind a 101"])
      reader = Thread.new { stream.read(1) }
      reader.report_on_exception = false
      eventually { reader.stop? }
      client.abort
      expect { reader.value }.to raise_error(Errno::ECONNRESET)
    end

    it "shows when something is written to one who left before the head" do
      latch = Latch.new
      server = serve do |env|
        notes << :called
        latch.wait
        [200, {}, lambda do |stream|
          env["penstock.stream"].on_close { |error| notes << error.class }
          notes << eventually { stream.closed? }
        end]
      end
      open_response(server)
      notes.pop
      client.abort
      latch.open
      expect(Array.new(2) { notes.pop }).to contain_exactly(be(Errno::EPIPE).or(be(Errno::ECONNRESET)), true)
    end
  end

  describe "for good, during an enumerable body:" do
    it "unwinds each with EPIPE or ECONNRESET, closes the body, and runs response_finished" do
      body = Class.new do
        define_method(:initialize) { |notes| @notes = notes }
        define_method(:each) do |&block|
          loop { block.call("x" * 1000) }
        ensure
          @notes << :unwound
        end
        define_method(:close) { @notes << :closed }
      end.new(notes)
      server = serve do |env|
        env["rack.response_finished"] << ->(_, status, _, error) { notes << [status, error.class] }
        [200, {}, body]
      end
      response = open_response(server)
      expect(response.status).to eq(200)
      client.abort
      expect(Array.new(3) { notes.pop }).to match([:unwound, :closed, [200, be(Errno::EPIPE).or(be(Errno::ECONNRESET))]])
      expect(server.log).not_to include("EPIPE", "ECONNRESET")
    end
  end

  describe "half," do
    # Waits until the kernel knows that the client has ended its side.
    def half_close
      client.close_write
      eventually { TcpTable.server_end(client).state == :close_wait }
    end

    responses.slice("a body with call", "a partial hijack", "a stream with a content-length", "a stream on HTTP/1.0")
      .each do |name, (form, status, fields, method, version, request)|
      it "with a FIN before the head, gets all of #{name}" do
        latch = Latch.new
        make = StreamingForms.build(form, status: status, headers: fields) { |stream, _| streams << stream }.last
        server = serve do |env|
          notes << :called
          latch.wait
          make.call(env)
        end
        response = open_response(server, method: method, version: version, headers: request)
        notes.pop
        half_close
        latch.open
        stream = streams.pop
        stream.write("a" * 50)
        expect(response.text_until("a" * 50)).to eq("a" * 50) unless fields.key?("content-length")
        expect(stream).not_to be_closed
        stream.write("b" * 50)
        stream.close
        expect(response.rest).to end_with("b" * 50)
        expect(client).to be_eof
      end
    end

    big = "0123456789abcdef" * 500_000

    {
      "an enumerable body" => ->(_) { [big.byteslice(0, 4_000_000), big.byteslice(4_000_000..)].each },
      "an Array" => ->(_) { [big] },
      "a file" => ->(folder) { File.new(File.join(folder, "big").tap { |path| File.write(path, big) }) }
    }.each do |name, make|
      it "gets all of #{name}, with a FIN before the head and behind it" do
        folder = temporary_folder
        latch = Latch.new.tap(&:open)
        server = serve do
          latch.wait
          [200, { "content-length" => big.bytesize.to_s }, make.call(folder)]
        end
        response = open_response(server)
        expect(response.status).to eq(200)
        half_close
        expect(response.rest == big).to be(true)
        expect(client).to be_eof
        latch = Latch.new
        response = open_response(server)
        half_close
        latch.open
        expect(response.rest == big).to be(true)
        expect(client).to be_eof
      end
    end

    switched.each do |name, (form, status, fields, method, version, request)|
      it "with a FIN on #{name}, is at the end of what is read, and gets what is written" do
        server = serve_left_open(form, status: status, headers: fields)
        _, stream = open_stream(server, method: method, version: version, headers: request)
        client.write("last words")
        half_close
        expect([stream.read, stream.read(1), stream.closed?]).to eq(["last words", nil, false])
        stream.write("answer")
        stream.close
        expect(client.read_to_eof).to eq("answer")
        expect(client).to be_eof
      end
    end
  end
end
