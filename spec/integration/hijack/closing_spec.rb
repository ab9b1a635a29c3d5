# frozen_string_literal: true

require "spec_helper"
require "support/hijack/helper"

# The end of a hijacked connection: the application's close sends all that it wrote and then a FIN, and what the client does
# shows as it shows on any socket.
RSpec.describe "The end of a hijacked connection" do
  include HijackHelper

  gave_up = [Errno::EPIPE, Errno::ECONNRESET]

  # What a write raises in the end.
  def write_error(io)
    loop { io.write("x" * 1000) }
  rescue SystemCallError => e
    e.class
  end

  # Writes until the client would have to read.
  def fill(io)
    nil until io.write_nonblock("x" * 65_536, exception: false) == :wait_writable
  end

  HijackHelper::KINDS.each do |kind, given|
    describe "that is #{kind}" do
      it "is a FIN behind all that was written, when the application closes" do
        client, io = take_over(given)
        io.write("HTTP/1.1 200 OK\r\n\r\n#{"x" * 200_000}")
        io.close
        expect(io).to be_closed
        expect(client.read_response.body.bytesize).to eq(200_000)
        expect(client).to be_eof
      end

      it "loses nothing of it though the client has sent what nobody read, and goes on sending" do
        client, io = take_over(given)
        client.write("unread" * 10_000)
        eventually { io.wait_readable(0) }
        writer = Thread.new { io.write("y" * 200_000) && io.close }
        expect(client.read_bytes(1000)).to eq("y" * 1000)
        client.offer("more that is unread" * 100)
        expect(client.read_bytes(199_000)).to eq("y" * 199_000)
        writer.join
        expect(client.read_to_eof).to eq("")
        expect(client).to be_eof
      end

      it "returns from close at once, though the client reads nothing" do
        client, io = take_over(given)
        client.write("unread")
        io.write("z" * 50_000)
        began = now
        io.close
        expect(now - began).to be < 0.5
        expect(client.read_to_eof.bytesize).to eq(50_000)
      end

      it "frees the server's side when both have closed" do
        baseline = nil
        3.times do |round|
          client, io = take_over(given)
          io.write("bye")
          io.close
          expect(client.read_to_eof).to eq("bye")
          client.close
          eventually { server.server.stats[:connections].zero? }
          server.stop(timeout: 1)
          counts_return_to(baseline) if baseline
          baseline = resource_counts if round.zero?
        end
      end

      it "frees the server's side when the application closes and the client never does, after the linger time" do
        client, io = take_over(given, linger_timeout: 0.2, linger_total: 0.5)
        client.write("unread")
        io.write("bye")
        io.close
        eventually { server.server.stats[:connections].zero? }
        expect(client.read_bytes(3)).to eq("bye")
      end

      it "shows an end of the client's writing as EOF, and what is written arrives" do
        client, io = take_over(given)
        client.write("last words").close_write
        expect([io.read, io.read(1)]).to eq(["last words", nil])
        expect { io.readpartial(1) }.to raise_error(EOFError)
        io.write("answer")
        io.close
        expect(client.read_to_eof).to eq("answer")
        expect(client).to be_eof
      end

      it "shows a client that has closed as EOF, then as EPIPE" do
        client, io = take_over(given)
        client.close
        expect(io.read).to eq("")
        expect(gave_up).to include(write_error(io))
        io.close
        eventually { server.server.stats[:connections].zero? }
      end

      it "shows a client that has reset the connection while nobody writes" do
        client, io = take_over(given)
        reader = Thread.new do
          io.read
        rescue SystemCallError => e
          e.class
        end
        eventually { reader.stop? }
        client.abort
        expect(["", *gave_up]).to include(reader.value)
        expect(gave_up).to include(write_error(io))
        io.close
        eventually { server.server.stats[:connections].zero? }
      end

      it "sends the FIN with close_write, and still reads" do
        client, io = take_over(given)
        io.write("all")
        io.close_write
        expect(client.read_to_eof).to eq("all")
        client.write("and more").close_write
        expect(io.read).to eq("and more")
        io.close
        eventually { server.server.stats[:connections].zero? }
      end

      it "lets go of the server's side when the application has only called close_write, and the client has closed" do
        client, io = take_over(given)
        descriptors = resource_counts.descriptors
        io.write("all")
        io.close_write
        expect(client.read_to_eof).to eq("all")
        client.close
        expect(io.read).to eq("")
        # The client's descriptor is gone, and of the server's no more is left than Ruby's own.
        bridge = given.last.empty? ? 0 : 2
        eventually { resource_counts.descriptors == descriptors - 1 - bridge }
        expect(io).not_to be_closed
      end
    end
  end

  it "can be sudden: a close with a linger time of 0 resets, as the application wants it" do
    client, io = take_over(HijackHelper::KINDS["the client's TCP socket"])
    io.setsockopt(Socket::Option.linger(true, 0))
    io.close
    expect(client.ended?).to be(true)
  end

  it "may be closed again" do
    _, io = take_over(HijackHelper::KINDS["the client's TCP socket"])
    expect(Array.new(2) { io.close }).to eq([nil, nil])
    expect { io.write("late") }.to raise_error(IOError)
  end

  it "needs no more descriptors, and loses nothing of what was written where none can be opened" do
    client, io = take_over(HijackHelper::KINDS["the client's TCP socket"])
    client.write("unread" * 10_000)
    eventually { io.wait_readable(0) }
    io.write("y" * 200_000)
    expect(without_descriptors { io.close }).to be_nil
    expect(io).to be_closed
    expect(client.read_to_eof).to eq("y" * 200_000)
    client.close
    eventually { server.server.stats[:connections].zero? }
  end

  it "sends what the application has let Ruby buffer" do
    client, io = take_over(HijackHelper::KINDS["the client's TCP socket"])
    io.sync = false
    io.write("buffered")
    io.close
    expect(client.read_to_eof).to eq("buffered")
  end

  it "leaves the descriptor's number to nobody else before the client has closed too" do
    client, io = take_over(HijackHelper::KINDS["the client's TCP socket"])
    number = io.fileno
    io.close
    expect(Array.new(5) { UNIXSocket.pair }.flatten.map(&:fileno)).not_to include(number)
    client.close
    eventually { server.server.stats[:connections].zero? }
  end

  it "is not begun where the close is interrupted while it waits for the client: the descriptor is still the socket's" do
    client, io = take_over(HijackHelper::KINDS["the client's TCP socket"])
    fill(io)
    io.sync = false
    io.write("buffered")
    closer = Thread.new { io.close }
    closer.report_on_exception = false
    eventually { closer.stop? }
    closer.raise(IOError, "interrupted")
    expect { closer.join }.to raise_error(IOError, "interrupted")
    expect([io.closed?, io.autoclose?, server.server.stats[:connections]]).to eq([false, true, 1])
    client.abort
    expect { io.close }.to raise_error(SystemCallError)
    eventually { server.server.stats[:connections].zero? }
  end

  it "frees both descriptors of a socket and its copy" do
    client, io = take_over(HijackHelper::KINDS["the client's TCP socket"])
    before = resource_counts.descriptors
    copy = io.dup
    copy.close
    io.write("all")
    io.close
    expect(client.read_to_eof).to eq("all")
    client.close
    # The client's and the server's.
    eventually { resource_counts.descriptors == before - 2 }
    expect(server.server.stats[:connections]).to eq(0)
  end

  HijackHelper::KINDS.each do |kind, given|
    it "leaves a descriptor alone that the application has given to another IO: #{kind}" do
      client, io = take_over(given)
      other = Socket.for_fd(io.fileno)
      io.autoclose = false
      io.close
      other.write("still")
      expect(client.read_bytes(5)).to eq("still")
      client.close
      expect(other.close).to be_nil
    end
  end

  it "is not waited for where the application has closed one direction behind the other" do
    client, io = take_over(HijackHelper::KINDS["the client's TCP socket"])
    io.close_write
    io.close_read
    io.close
    client.close
    expect(server.server.stats[:connections]).to eq(0)
    expect(io).to be_closed
  end

  it "wakes a thread that reads when another closes" do
    client, io = take_over(HijackHelper::KINDS["the client's TCP socket"])
    reader = Thread.new { io.read }
    reader.report_on_exception = false
    eventually { reader.stop? }
    io.close
    expect { reader.value }.to raise_error(IOError)
    expect(client).to be_eof
  end

  it "gives back every descriptor, of connections that either side has closed" do
    kinds = HijackHelper::KINDS.slice("the client's TCP socket", "a socket pair, where bytes were read ahead").values
    hijacking = serve_hijack
    round = lambda do
      50.times do |number|
        client = hijack(hijacking, early: kinds[number % 2].last)
        io = sockets.pop
        io.write("bye")
        number.even? ? io.close : client.close
        client.close
        io.close
      end
      taken.clear
      eventually { hijacking.server.stats[:connections].zero? }
    end
    round.call
    baseline = resource_counts
    round.call
    counts_return_to(baseline)
    expect(hijacking.server.stats[:hijacked]).to eq(100)
  end
end
