# frozen_string_literal: true

require "spec_helper"

RSpec.describe "Slow clients" do
  include RawCases::Checks

  # A limit that has passed soon, in seconds.
  let(:short) { 0.3 }

  # Seconds that the block took.
  def elapsed
    start = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    yield
    Process.clock_gettime(Process::CLOCK_MONOTONIC) - start
  end

  # Expects that the server ends the connection when the limit has passed, and not before; with 408 or nothing.
  def expect_time_out(client, allowed: [408, nil])
    seen = nil
    time = elapsed { seen = client.read_to_eof }
    expect(time).to be >= short * 0.8
    status = seen[%r{\AHTTP/1\.1 (\d{3}) }, 1]&.to_i
    expect(allowed).to include(status), "expected one of #{allowed.inspect}, got #{seen.inspect}"
    expect(seen).to be_empty unless status
  end

  head = "POST / HTTP/1.1\r\nHost: example.org\r\n"
  half_preface = "PRI * HTTP/2.0\r\n\r\nSM"

  describe "heads" do
    it "closes a silent connection when first_byte_timeout has passed" do
      server = serve(Recorder.new, first_byte_timeout: short)
      expect_time_out(connect(server), allowed: [nil])
      expect_alive(server)
    end

    {
      "one letter" => "P",
      "half a request line" => "GET / HT",
      "half a head" => "GET / HTTP/1.1\r\nHost: example.org\r\n",
      "nothing but empty lines" => "\r\n",
      "a head that lacks its last byte" => "GET / HTTP/1.1\r\nHost: example.org\r\n\r"
    }.each do |description, bytes|
      it "closes a connection that sends #{description} when header_timeout has passed" do
        app = Recorder.new
        server = serve(app, first_byte_timeout: short, header_timeout: short)
        expect_time_out(connect(server).write(bytes))
        expect(app.calls).to be_empty
        expect_alive(server)
      end
    end

    it "closes a connection that sends half a preface of HTTP/2, at once or when the limit has passed" do
      server = serve(Recorder.new, first_byte_timeout: short, header_timeout: short)
      client = connect(server).write(half_preface)
      expect(client.read_to_eof).to eq("").or match(%r{\AHTTP/1\.1 (400|408|505) })
      expect_alive(server)
    end

    it "counts the whole head: a byte now and then does not prolong it" do
      app = Recorder.new
      server = serve(app, header_timeout: short)
      client = connect(server).write("GET / HTTP/1.1\r\nHost: example.org\r\nX: ")
      time = elapsed { eventually(5) { client.offer("a").ended?(0.02) || client.received.start_with?("HTTP/1.1 408") } }
      expect(time).to be_between(short * 0.8, 3)
      expect(app.calls).to be_empty
      expect_alive(server)
    end

    it "counts the head of a later request on the connection too" do
      server = serve(Recorder.new, header_timeout: short)
      client = connect(server).write(request_bytes("GET", "/"))
      expect(client.read_response.status).to eq(200)
      expect_time_out(client.write("GET / HTTP/1.1\r\nHo"))
    end

    it "closes an idle connection without a word when keep_alive_timeout has passed" do
      server = serve(Recorder.new, keep_alive_timeout: short)
      client = connect(server).write(request_bytes("GET", "/"))
      expect(client.read_response.status).to eq(200)
      expect_time_out(client, allowed: [nil])
    end

    it "does not count the time that the application takes" do
      latch = Latch.new
      server = serve(first_byte_timeout: short, header_timeout: short, keep_alive_timeout: short, body_timeout: short) do |env|
        latch.wait(short * 3) if env["PATH_INFO"] == "/slow"
        [200, {}, ["ok"]]
      end
      client = connect(server).write(request_bytes("GET", "/slow"))
      expect(client.read_response.body).to eq("ok")
      expect(client.write(request_bytes("GET", "/")).read_response.status).to eq(200)
    end

    it "has no limits where they are nil" do
      server = serve(Recorder.new, first_byte_timeout: nil, header_timeout: nil, keep_alive_timeout: nil)
      silent = connect(server)
      half = connect(server).write("GET / HTTP/1.1\r\n")
      expect_alive(server)
      expect(silent.received + half.received).to eq("")
      expect(half.write("Host: example.org\r\n\r\n").read_response.status).to eq(200)
      expect(silent.write(request_bytes("GET", "/")).read_response.status).to eq(200)
    end
  end

  describe "bodies" do
    it "answers 408 and closes when nothing came for body_timeout, and does not call the application" do
      app = Recorder.new
      server = serve(app, body_timeout: short)
      expect_time_out(connect(server).write("#{head}Content-Length: 10\r\n\r\nhello"), allowed: [408])
      expect(app.calls).to be_empty
      expect_alive(server)
    end

    it "answers 408 and makes reading raise where the body streams" do
      app = Recorder.new
      server = serve(app, body_timeout: short)
      expect_time_out(connect(server).write("#{head}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"), allowed: [408])
      expect(app.calls).to match([have_attributes(body: nil, error: be_a(StandardError))])
      expect_alive(server)
    end

    it "counts from the last byte: a slow body that goes on is taken" do
      app = Recorder.new
      server = serve(app, body_timeout: short)
      client = connect(server).write("#{head}Content-Length: 60\r\n\r\n")
      sent = 0
      eventually { ((sent += 1) && client.write("a").ended?(0.01)) || sent == 60 }
      expect(client.read_response.status).to eq(200)
      expect(app.calls.map(&:body)).to eq(["a" * 60])
    end

    it "pins no thread by a body that does not come" do
      app = Recorder.new
      server = serve(app, threads: 1)
      slow = Array.new(5) { connect(server).write("#{head}Content-Length: 10\r\n\r\nhello") }
      expect_alive(server)
      slow.each { |client| expect(client.write("world").read_response.status).to eq(200) }
      expect(app.calls.map(&:body)).to eq(["", *["helloworld"] * 5])
    end
  end

  describe "readers" do
    # More than the buffers of both kernels and of the server hold.
    megabytes = 64

    def small_window(server)
      connect(server, receive_buffer: 4096)
    end

    it "resets the connection when nothing was taken for write_timeout, and ends the body" do
      body = RecordedBody.new(Array.new(megabytes) { "a" * (1 << 20) })
      server = serve(write_timeout: short) { |env| env["PATH_INFO"] == "/big" ? [200, {}, body] : [200, {}, ["ok"]] }
      client = small_window(server).write(request_bytes("GET", "/big"))
      eventually { body.close_calls == 1 }
      expect(body.taken).to be < megabytes
      client.read_to_eof
      expect(client).to be_reset
      expect_alive(server)
    end

    it "pins no thread when the response fits into the buffer" do
      server = serve(threads: 1) { |env| [200, {}, [env["PATH_INFO"] == "/big" ? "a" * 200_000 : "ok"]] }
      slow = Array.new(5) { small_window(server).write(request_bytes("GET", "/big")) }
      expect(get(server, "/").body).to eq("ok")
      slow.each { |client| expect(client.read_response.body.bytesize).to eq(200_000) }
    end

    it "pins a thread no longer than write_timeout when it does not fit" do
      server = serve(threads: 1, write_timeout: short) do |env|
        env["PATH_INFO"] == "/big" ? [200, {}, Array.new(megabytes) { "a" * (1 << 20) }.each] : [200, {}, ["ok"]]
      end
      small_window(server).write(request_bytes("GET", "/big")).read_head
      expect(get(server, "/").body).to eq("ok")
    end

    # The application is long through with these, and the connection is not idle before the client has them.
    { "a body in memory" => ["HTTP/1.1", ["a" * 4_000_000]],
      "the last of a stream" => ["HTTP/1.1", Array.new(61) { "a" * 65_536 }.each],
      "a body whose end is the end of the connection" => ["HTTP/1.0", Array.new(61) { "a" * 65_536 }.each] }.each do |name, (version, body)|
      it "lets a client that reads longer than keep_alive_timeout have all of #{name}" do
        server = serve(keep_alive_timeout: 0.3, threads: 1) { [200, {}, body] }
        client = small_window(server).write(request_bytes("GET", "/").sub("HTTP/1.1", version))
        client.read_head
        reader = SlowReader.new(client, bytes: 1 << 17, interval: 0.002)
        eventually(15) { reader.ending }
        reader.stop
        expect([reader.ending, reader.count]).to match([:fin, be >= 3_900_000])
      end
    end

    it "resets a connection whose end would be the end of the body, where the server stops in the middle of it" do
      server = serve { [200, {}, Array.new(megabytes) { "a" * (1 << 20) }.each] }
      client = small_window(server).write(request_bytes("GET", "/").sub("HTTP/1.1", "HTTP/1.0"))
      client.read_head
      server.server.stop(timeout: 0.1)
      client.read_to_eof
      expect(client).to be_reset
    end

    it "lets a slow reader that goes on have everything" do
      server = serve(write_timeout: 1) { [200, {}, Array.new(4) { "a" * (1 << 20) }.each] }
      client = small_window(server).write(request_bytes("GET", "/", headers: { "connection" => "close" }))
      expect(client.read_response.body.bytesize).to eq(4 << 20)
    end
  end
end
