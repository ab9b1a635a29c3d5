# frozen_string_literal: true

require "spec_helper"
require "support/hijack/helper"

# Hijacked connections may go on until the drain's deadline; nobody waits for it longer than they do.
RSpec.describe "Stopping a server with hijacked connections" do
  include HijackHelper

  # Begins to stop the server of the last connection.
  #
  # @return [Thread] whose value is how long it took, in seconds
  def begin_stop(timeout:)
    began = now
    thread = Thread.new do
      server.stop(timeout: timeout)
      now - began
    end
    eventually do
      connect(server).close
      false
    rescue Errno::ECONNREFUSED, Errno::ENOENT
      true
    end
    thread
  end

  HijackHelper::KINDS.each do |kind, given|
    describe "each of which is #{kind}" do
      it "lets them go on, and ends when the application has closed the last of them" do
        client, io = take_over(given)
        stopping = begin_stop(timeout: 30)
        client.write("still")
        expect(io.readpartial(10)).to eq("still")
        io.write("here")
        expect(client.read_bytes(4)).to eq("here")
        io.close
        expect(client).to be_eof
        client.close
        expect(stopping.value).to be < 10
      end

      it "sends what was written before the close" do
        client, io = take_over(given)
        stopping = begin_stop(timeout: 30)
        writer = Thread.new { io.write("x" * 200_000) && io.close }
        expect(client.read_to_eof.bytesize).to eq(200_000)
        expect(client).to be_eof
        client.close
        writer.join
        expect(stopping.value).to be < 10
      end

      it "ends them at the deadline: the application reads an EOF, and the client a FIN" do
        client, io = take_over(given)
        reader = Thread.new do
          notes << io.read
          io.write("late")
        end
        reader.report_on_exception = false
        eventually { reader.stop? }
        expect(begin_stop(timeout: 0.3).value).to be_between(0.25, 5)
        expect { reader.value }.to raise_error(Errno::EPIPE)
        expect(notes.pop).to eq("")
        expect(client).to be_ended
      end
    end
  end

  it "leaves those of another server of the process alone" do
    client, io = take_over(HijackHelper::KINDS["the client's TCP socket"])
    serve { |_env| [200, {}, []] }.stop(timeout: 1)
    client.write("still")
    expect(io.readpartial(10)).to eq("still")
    io.write("here")
    expect(client.read_bytes(4)).to eq("here")
  end

  it "does not wait for a thread of the application that writes to a client which reads nothing" do
    @server = serve_hijack { |io, _env| loop { io.write("x" * 10_000) } }
    hijack(server, receive_buffer: 4096)
    taken.pop
    expect(begin_stop(timeout: 0.3).value).to be < 5
  end

  describe "in a process of its own" do
    app = <<~RUBY
      run(lambda do |env|
        io = env["rack.hijack"].call
        Thread.new do
          io.write("HTTP/1.1 200 OK\\r\\n\\r\\nopen;")
          io.write("got \#{io.readpartial(100)}")
        rescue EOFError
          warn "an EOF came"
        ensure
          io.close
        end
        [-1, {}, []]
      end)
    RUBY

    # A client whose connection has been taken over.
    def open_one(server)
      client = hijack(server)
      client.read_until("open;")
      client
    end

    it "ends with status 0 as soon as the last is closed" do
      server = spawn_server(app, args: %w[-e production])
      client = open_one(server)
      server.signal(:TERM)
      client.write("bye")
      expect(client.read_until("got bye")).to eq("got bye")
      expect(client).to be_eof
      client.close
      expect(server.wait(10)).to have_attributes(exitstatus: 0)
    end

    it "ends with status 0 when those that nobody closes have met the deadline" do
      server = spawn_server(app, args: %w[-e development])
      client = open_one(server)
      began = now
      server.signal(:TERM)
      expect(server.wait(15)).to have_attributes(exitstatus: 0)
      expect(now - began).to be_between(1.5, 10)
      expect(client).to be_ended
      expect(server.output).to include("an EOF came")
    end
  end
end
