# frozen_string_literal: true

# A response may be through before the body of its request: what comes then still belongs to that body.
RSpec.describe "A request body that goes on behind its response" do
  chunked_head = "POST /first HTTP/1.1\r\nHost: example.org\r\nTransfer-Encoding: chunked\r\n\r\n"

  # An application that answers at once and reads behind its answer; what it reads is in @read.
  def serve_late_reader(**settings)
    @read = Queue.new
    serve(**settings) do |env|
      @paths << env["PATH_INFO"]
      body = lambda do |stream|
        stream << "answer"
        stream.close_write
        @read << stream.read
        stream.close
      rescue SystemCallError, IOError => e
        @read << e
      end
      [200, {}, env["PATH_INFO"] == "/first" ? body : ["second"]]
    end
  end

  def chunk(text) = "#{text.bytesize.to_s(16)}\r\n#{text}\r\n"

  # Waits until so many seconds have gone by, for what must not happen within them.
  def pass(seconds)
    start = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    eventually(seconds + 5) { Process.clock_gettime(Process::CLOCK_MONOTONIC) - start > seconds }
  end

  before { @paths = Queue.new }

  it "is never taken for a request, however long it pauses" do
    server = serve do |env|
      @paths << env["PATH_INFO"]
      [200, {}, ["ok"]]
    end
    decoy = request_bytes("GET", "/smuggled")
    client = connect(server).write("#{chunked_head}#{decoy.bytesize.to_s(16)}\r\n")
    expect(client.read_response.body).to eq("ok")
    pass(1.5)
    client.write("#{decoy}\r\n0\r\n\r\n").write(request_bytes("GET", "/second"))
    expect(client.read_response.body).to eq("ok")
    expect(Array.new(@paths.size) { @paths.pop }).to eq(%w[/first /second])
  end

  # Closing the body of the first response takes until the second request is under way.
  it "is told from the body of the next request, where the first is given up late" do
    latch = Latch.new
    server = serve(threads: 4) do |env|
      @paths << env["PATH_INFO"]
      next [200, {}, ["second"]] unless env["PATH_INFO"] == "/first"

      body = ["first"]
      body.define_singleton_method(:close) { latch.wait }
      [200, {}, body]
    end
    client = connect(server).write("#{chunked_head}0\r\n\r\n")
    expect(client.read_response.body).to eq("first")
    decoy = request_bytes("GET", "/smuggled")
    client.write(chunked_head.sub("/first", "/second")).write("#{decoy.bytesize.to_s(16)}\r\n")
    eventually { @paths.size == 2 }
    latch.open
    expect(client.read_response.body).to eq("second")
    pass(1.5)
    client.write("#{decoy}\r\n0\r\n\r\n").write(request_bytes("GET", "/third"))
    expect(client.read_response.body).to eq("second")
    expect(Array.new(@paths.size) { @paths.pop }).to eq(%w[/first /second /third])
  end

  it "reaches an application that reads behind its answer, with pauses and beyond the time-outs of a head" do
    server = serve_late_reader(header_timeout: 0.3, keep_alive_timeout: 0.3)
    client = connect(server).write("#{chunked_head}#{chunk("hello")}")
    expect(client.read_response.body).to eq("answer")
    pass(1.5)
    client.write("#{chunk(", world")}0\r\n\r\n")
    expect(@read.pop).to eq("hello, world")
    expect(client.write(request_bytes("GET", "/second")).read_response.body).to eq("second")
  end

  it "leaves an idle connection once it was read away, which the keep-alive time-out ends without a word" do
    server = serve(header_timeout: 0.3, keep_alive_timeout: 1) { |_env| [200, {}, ["ok"]] }
    client = connect(server).write(chunked_head)
    expect(client.read_response.body).to eq("ok")
    client.write("#{chunk("hello")}0\r\n\r\n")
    expect(client.read_to_eof).to eq("")
    expect(client).to be_eof
  end

  it "leaves an idle connection once it was read away, which does not hold up a drain" do
    server = serve(drain_timeout: 60) { |_env| [200, {}, ["ok"]] }
    client = connect(server).write(chunked_head)
    expect(client.read_response.body).to eq("ok")
    client.write("#{chunk("hello")}0\r\n\r\n")
    pass(0.5)
    stopping = Thread.new { server.server.stop }
    expect(client).to be_eof
    expect(stopping.join(3)).to be(stopping)
  end

  # Two threads give one place to bodies that stream; while it is held, others are received into memory and a file.
  it "loses nothing of a body that was on its way into a file when a place became free" do
    server = serve(threads: 2, body_memory_bytes: 4096) do |env|
      next [200, {}, [env["rack.input"].read.bytesize.to_s]] if env["PATH_INFO"] == "/first"

      [200, {}, [env["rack.input"].readpartial(1)]]
    end
    piece = chunk("a" * 100_000)
    20.times do
      holder = connect(server).write("POST /hold HTTP/1.1\r\nHost: example.org\r\nTransfer-Encoding: chunked\r\n\r\n")
      sent = Queue.new
      client = connect(server)
      writer = Thread.new do
        client.write(chunked_head)
        40.times { |number| number == 20 ? (sent << true) && client.write(piece) : client.write(piece) }
        client.write("0\r\n\r\n")
      end
      sent.pop
      holder.write("1\r\nb\r\n0\r\n\r\n")
      writer.join
      expect(client.read_response.body).to eq("4000000")
    end
  end
end
