# frozen_string_literal: true

require "spec_helper"
require "timeout"
require "support/vm/helper"

# Every wait inside of Penstock ends when Ruby wants it to, and leaves what it waited for in order.
RSpec.describe "A wait inside of Penstock" do
  include VmHelper

  # What ends the waits here.
  disturbance = Class.new(StandardError)

  # A server that puts the env of every request, and the stream of its response, where the spec takes them.
  def serve_open(**settings)
    @envs = Queue.new
    @latch = Latch.new
    @streams = Queue.new
    serve(**settings) do |env|
      @envs << env
      case env["PATH_INFO"]
      when "/stream" then [200, {}, ->(stream) { @streams << stream }]
      when "/held" then @latch.wait && [200, {}, ["held"]]
      else [200, {}, ["alive"]]
      end
    end
  end

  after { @latch&.open }

  # The bytes of a request whose body has begun and does not go on.
  def unfinished(path)
    request_bytes("POST", path, headers: { "transfer-encoding" => "chunked" })
  end

  # Waits: description => what makes one ready to begin, as a proc that waits until it is interrupted.
  waits = {
    "stream.write" => lambda { |server|
      @client = connect(server, receive_buffer: 4096).write(request_bytes("GET", "/stream"))
      stream = @streams.pop
      -> { loop { stream.write("a" * 100_000) } }
    },
    "stream <<" => lambda { |server|
      @client = connect(server, receive_buffer: 4096).write(request_bytes("GET", "/stream"))
      stream = @streams.pop
      -> { loop { stream << ("a" * 100_000) } }
    },
    "stream.read" => lambda { |server|
      @client = connect(server).write(unfinished("/stream"))
      stream = @streams.pop
      -> { stream.read }
    },
    "stream.read(n)" => lambda { |server|
      @client = connect(server).write(unfinished("/stream"))
      stream = @streams.pop
      -> { stream.read(10) }
    },
    "stream.readpartial" => lambda { |server|
      @client = connect(server).write(unfinished("/stream"))
      stream = @streams.pop
      -> { stream.readpartial(10) }
    },
    "rack.input.read" => lambda { |server|
      @client = connect(server).write(unfinished("/held"))
      input = @envs.pop["rack.input"]
      -> { input.read }
    },
    "rack.input.gets" => lambda { |server|
      @client = connect(server).write(unfinished("/held"))
      input = @envs.pop["rack.input"]
      -> { input.gets }
    },
    "rack.input.each" => lambda { |server|
      @client = connect(server).write(unfinished("/held"))
      input = @envs.pop["rack.input"]
      -> { input.each(&:itself) }
    },
    "rack.hijack, while the body is under way" => lambda { |server|
      @client = connect(server).write(unfinished("/held"))
      hijack = @envs.pop["rack.hijack"]
      -> { hijack.call }
    },
    "reading behind a 101" => lambda { |server|
      @client = connect(server).write(request_bytes("GET", "/switch", headers: { "connection" => "upgrade", "upgrade" => "echo" }))
      expect(@client.read_head.status).to eq(101)
      stream = @streams.pop
      -> { stream.read(1) }
    },
    "server.wait" => ->(server) { -> { server.server.wait } },
    "server.run" => ->(server) { -> { server.server.run } },
    "server.stop, while a request is under way" => lambda { |server|
      @client = connect(server).write(request_bytes("GET", "/held"))
      eventually { @latch.waiting == 1 }
      -> { server.server.stop(timeout: 60) }
    }
  }

  # A server and one of the waits on it.
  define_method(:begin_wait) do |name|
    @server = serve_open
    if name == "reading behind a 101"
      switching = ->(_env) { [101, { "rack.protocol" => "echo" }, ->(stream) { @streams << stream }] }
      @server = serve(switching)
    end
    instance_exec(@server, &waits.fetch(name))
  end

  # Expects that the server goes on as before. One that was told to stop is given to the example's end.
  def expect_alive(name)
    return if name.start_with?("server.stop") || name == "reading behind a 101"

    3.times { expect(get(@server, "/alive").body).to eq("alive") }
  end

  waits.each_key do |name|
    it "ends with Thread#kill: #{name}" do
      thread = Thread.new(&begin_wait(name))
      await_sleep(thread)
      thread.kill
      expect(thread.join(2)).to be(thread)
      expect_alive(name)
    end

    it "ends with Thread#raise: #{name}" do
      thread = Thread.new(&begin_wait(name))
      thread.report_on_exception = false
      await_sleep(thread)
      thread.raise(disturbance, "now")
      expect { thread.join(2) }.to raise_error(disturbance, "now")
      expect_alive(name)
    end

    it "ends with Timeout: #{name}" do
      wait = begin_wait(name)
      expect { Timeout.timeout(0.05) { wait.call } }.to raise_error(Timeout::Error)
      expect_alive(name)
    end

    it "ends with a signal whose trap raises: #{name}" do
      wait = begin_wait(name)
      main = Thread.current
      before = trap("USR2") { raise disturbance, "by a signal" }
      waiting = false
      sender = Thread.new do
        eventually { waiting }
        await_sleep(main)
        Process.kill(:USR2, Process.pid)
      end
      expect { (waiting = true) && wait.call }.to raise_error(disturbance, "by a signal")
      sender.join
      expect_alive(name)
    ensure
      trap("USR2", before || "DEFAULT")
    end

    it "goes on behind a signal whose trap returns, and behind Thread#wakeup: #{name}" do
      thread = Thread.new(&begin_wait(name))
      await_sleep(thread)
      traps = Queue.new
      before = trap("USR2") { traps << true }
      5.times do
        Process.kill(:USR2, Process.pid)
        traps.pop
        thread.wakeup
        await_sleep(thread)
      end
      thread.kill.join
      expect_alive(name)
    ensure
      trap("USR2", before || "DEFAULT")
    end
  end

  describe "that was interrupted" do
    it "in a write leaves the stream as it was: what follows comes behind what was taken" do
      server = serve_open(send_buffer_bytes: 10_000)
      client = connect(server, receive_buffer: 4096).write(request_bytes("GET", "/stream"))
      stream = @streams.pop
      thread = Thread.new { loop { stream.write("a" * 10_000) } }
      thread.report_on_exception = false
      await_sleep(thread)
      thread.raise(disturbance)
      expect { thread.join(2) }.to raise_error(disturbance)
      writer = Thread.new { stream.write("the end") && stream.close }
      expect(client.read_response.body).to match(/\Aa+the end\z/)
      writer.join
    end

    it "in one of several writers lets the others go on, each write in one piece" do
      server = serve_open(send_buffer_bytes: 10_000)
      client = connect(server, receive_buffer: 4096).write(request_bytes("GET", "/stream"))
      stream = @streams.pop
      filler = Thread.new { loop { stream.write("-" * 10_000) } }
      await_sleep(filler)
      filler.kill.join
      writers = %w[a b c d].map { |letter| Thread.new { stream.write("<#{letter * 30_000}>") } }
      writers.each { |writer| await_sleep(writer) }
      writers[1].kill.join
      reader = Thread.new { client.read_response.body }
      (writers - [writers[1]]).each(&:join)
      stream.close
      body = reader.value.delete("-").sub(/<b+/, "")
      expect(body.scan(/<(\w)\1*>/).flatten).to match_array(%w[a c d])
      expect(body.gsub(/<(\w)\1{29999}>/, "")).to eq("")
    end

    it "in a read loses nothing of what comes" do
      server = serve_open
      client = connect(server).write(unfinished("/stream"))
      stream = @streams.pop
      client.write("5\r\nhello\r\n")
      thread = Thread.new { stream.read(100) }
      await_sleep(thread)
      thread.kill.join
      client.write("6\r\n world\r\n0\r\n\r\n")
      expect(stream.read).to eq("hello world")
    end

    it "in an idle thread of the server loses no request" do
      server = serve_open(threads: 2)
      50.times do
        threads = Thread.list.select { |thread| thread.name.to_s.start_with?("penstock worker") && thread.status == "sleep" }
        threads.each { |thread| thread.raise(disturbance, "between two requests") }
        expect(get(server, "/alive").body).to eq("alive")
      end
    end

    it "by a time-out in the application is an error of the application like any other" do
      server = serve do |env|
        next [200, {}, ["alive"]] if env["PATH_INFO"] == "/alive"

        Timeout.timeout(0.05) { env["rack.input"].read }
        [200, {}, []]
      end
      client = connect(server).write(unfinished("/"))
      expect(client.read_response.status).to eq(500)
      expect(get(server, "/alive").body).to eq("alive")
      eventually { server.log.include?("execution expired") }
    end

    it "in the thread of on_close is taken up by another one" do
      server = serve_open
      closed = Queue.new
      thread = Thread.list.find { |one| one.name == "penstock on_close" && one.alive? }
      await_sleep(thread)
      thread.kill.join
      client = connect(server).write(request_bytes("GET", "/stream"))
      stream = @streams.pop
      stream.on_close { closed << true }
      client.abort
      expect(closed.pop).to be(true)
    end

    it "in the thread of on_close by an exception is no end of it" do
      server = serve_open
      closed = Queue.new
      thread = Thread.list.find { |one| one.name == "penstock on_close" && one.alive? }
      await_sleep(thread)
      thread.raise(disturbance, "in the thread of on_close")
      client = connect(server).write(request_bytes("GET", "/stream"))
      stream = @streams.pop
      stream.on_close { closed << true }
      client.abort
      expect(closed.pop).to be(true)
    end
  end
end
