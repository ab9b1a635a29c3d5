# frozen_string_literal: true

require "spec_helper"
require "rack/lint"
require "support/hijack/helper"

# What an application gets from env["rack.hijack"].call: a socket of Ruby's own, to be used as one.
RSpec.describe "A hijacked socket" do
  include HijackHelper

  head = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nbody"

  it "is the same each time, and is in env too" do
    server = serve_hijack do |io, env|
      notes << [env["rack.hijack"].call.equal?(io), env["rack.hijack_io"].equal?(io)]
      notes << [env["rack.hijack?"], env["rack.hijack"].respond_to?(:call)]
      io.write(head)
      io.close
    end
    expect(hijack(server).read_response.body).to eq("body")
    expect(Array.new(2) { notes.pop }).to all(eq([true, true]))
  end

  it "is not in env before it was asked for" do
    server = serve { |env| [200, {}, [env.key?("rack.hijack_io").to_s]] }
    expect(get(server, "/").body).to eq("false")
  end

  it "can be asked for by any thread, and later than in the application's call" do
    server = serve do |env|
      thread = Thread.new { env["rack.hijack"].call }
      notes << [thread.value, env["rack.hijack"]]
      [-1, {}, []]
    end
    client = hijack(server)
    io, hijack = notes.pop
    expect(hijack.call).to equal(io)
    io.write(head)
    io.close
    expect(client.read_response.body).to eq("body")
  end

  it "passes Rack::Lint" do
    app = lambda do |env|
      io = env["rack.hijack"].call
      io.write(head)
      io.close
      [200, {}, []]
    end
    expect(hijack(serve(Rack::Lint.new(app))).read_response.body).to eq("body")
  end

  it "raises, and takes nothing, where a response was begun already" do
    server = serve do |env|
      [200, {}, lambda do |stream|
        begin
          env["rack.hijack"].call
        rescue StandardError => e
          notes << e
        end
        stream.write("as before")
        stream.close
      end]
    end
    expect(get(server, "/").body).to eq("as before")
    expect(notes.pop).to be_a(Penstock::Error).and have_attributes(message: /response/)
  end

  it "raises where the client has gone already" do
    latch = Latch.new
    server = serve do |env|
      notes << :called
      latch.wait
      eventually { env["penstock.stream"].closed? }
      env["rack.hijack"].call
    rescue SystemCallError => e
      notes << e
      [-1, {}, []]
    end
    client = hijack(server)
    notes.pop
    client.abort
    latch.open
    expect(notes.pop).to be_a(Errno::ECONNRESET).or be_a(Errno::EPIPE)
  end

  describe "as to its class" do
    {
      "the client's TCP socket" => [TCPSocket, Socket::AF_INET],
      "the client's Unix socket" => [UNIXSocket, Socket::AF_UNIX],
      "a socket pair, where bytes were read ahead" => [UNIXSocket, Socket::AF_UNIX],
      "a socket pair, where bytes were read ahead of a Unix socket" => [UNIXSocket, Socket::AF_UNIX]
    }.each do |kind, (type, family)|
      it "is #{kind}: a #{type}" do
        _, io = take_over(HijackHelper::KINDS[kind])
        expect(io).to be_a(IO).and be_a(type)
        expect(Socket.for_fd(io.fileno).tap { |other| other.autoclose = false }.local_address.afamily).to eq(family)
        expect([io.sync, io.closed?, io.fileno.positive?, io.close_on_exec?]).to eq([true, false, true, true])
      end
    end

    it "is the client's socket where a whole body was in front of it, too" do
      server = serve_hijack
      connect(server).write(request_bytes("POST", "/", body: "body"))
      expect(sockets.pop).to be_a(TCPSocket)
    end
  end

  describe "as to its addresses" do
    HijackHelper::KINDS.reject { |_, (settings, _)| settings[:unix] }.each do |kind, given|
      it "has those of the connection: #{kind}" do
        client, io = take_over(given)
        theirs = client.socket.local_address
        ours = client.socket.remote_address
        expect(io.peeraddr.values_at(0, 1, 3)).to eq(["AF_INET", theirs.ip_port, "127.0.0.1"])
        expect(io.peeraddr(false).values_at(1, 3)).to eq([theirs.ip_port, "127.0.0.1"])
        expect(io.addr.values_at(0, 1, 3)).to eq(["AF_INET", ours.ip_port, "127.0.0.1"])
        expect([io.remote_address, io.local_address].map(&:inspect_sockaddr)).to eq([theirs, ours].map(&:inspect_sockaddr))
        expect([io.remote_address.ip?, io.remote_address.ip_port]).to eq([true, theirs.ip_port])
      end
    end

    it "has those of the connection on IPv6, too" do
      ["", HijackHelper::EARLY].each do |early|
        server = serve_hijack(bind: "tcp://[::1]:0")
        client = hijack(server, early: early)
        io = sockets.pop
        expect(io.peeraddr.values_at(0, 1, 3)).to eq(["AF_INET6", client.socket.local_address.ip_port, "::1"])
        expect(io.remote_address.ipv6?).to be(true)
      end
    end
  end

  HijackHelper::KINDS.each do |kind, given|
    describe "that is #{kind}" do
      it "sends small writes at once, of whatever has to_s, from any thread" do
        client, io = take_over(given)
        "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".each_line { |line| io.write(line) }
        expect(client.read_until("\r\n\r\n")).to start_with("HTTP/1.1 200 OK")
        Thread.new { expect(io.write(5, "\r\n")).to eq(3) }.join
        expect(client.read_line).to eq("5")
        io << "he" << :llo
        expect(client.read_until("hello")).to eq("hello")
      end

      it "takes socket options of TCP, with or without effect" do
        _, io = take_over(given)
        next if io.is_a?(UNIXSocket) && given.last.empty? # the client's own Unix socket has none

        expect(io.setsockopt(Socket::IPPROTO_TCP, Socket::TCP_NODELAY, 1)).to eq(0)
        expect(io.setsockopt(:TCP, :NODELAY, true)).to eq(0)
        expect(io.setsockopt(Socket::SOL_SOCKET, Socket::SO_KEEPALIVE, true)).to eq(0)
      end

      it "can be selected on" do
        client, io = take_over(given)
        idle, _kept = UNIXSocket.pair # two, since IO.select of one is another call; an end that is lost would end the other
        expect(IO.select([io, idle], nil, nil, 0)).to be_nil
        expect(IO.select([idle], [io], nil, 0)).to eq([[], [io], []])
        client.write("ready")
        expect(IO.select([io, idle], nil, nil, 5)).to eq([[io], [], []])
        expect(io.wait_readable(5)).to equal(io)
      end

      it "reads with all that IO and sockets have" do
        client, io = take_over(given)
        expect(io.read_nonblock(4096, exception: false)).to eq(:wait_readable)
        client.write("one two three four\nfive")
        eventually { (@got = io.read_nonblock(4, exception: false)) != :wait_readable }
        expect(@got).to eq("one ")
        expect(io.recvfrom(4).first).to eq("two ")
        expect(io.recv(3)).to eq("thr")
        expect(io.readpartial(3)).to eq("ee ")
        expect(io.gets).to eq("four\n")
        client.close_write
        expect([io.read, io.read(1), io.eof?]).to eq(["five", nil, true])
      end

      it "writes without blocking, in parts, and all that it took arrives" do
        client, io = take_over(given)
        sent = 0
        digits = "0123456789" * 10_000
        eventually(20) do
          written = io.write_nonblock(digits.byteslice((sent % 10)..), exception: false)
          sent += written if written.is_a?(Integer)
          written == :wait_writable
        end
        expect(sent).to be > 100_000
        reading = Thread.new { client.read_bytes(sent) }
        expect(reading.value).to eq((digits * ((sent / digits.bytesize) + 1)).byteslice(0, sent))
      end

      it "is left to the application: its thread is free, and no limit of the server applies" do
        limits = %i[keep_alive_timeout first_byte_timeout header_timeout body_timeout write_timeout]
        client, io = take_over(given, threads: 1, **limits.to_h { |name| [name, 0.2] })
        idle = connect(server).write(request_bytes("GET", "/ordinary"))
        expect(idle.read_response.body).to eq("ordinary")
        expect(idle).to be_eof # it was idle for longer than allowed; so was the hijacked one
        client.write("still")
        expect(io.readpartial(10)).to eq("still")
        io.write("here")
        expect(client.read_bytes(4)).to eq("here")
      end
    end
  end

  it "has TCP_NODELAY set" do
    _, io = take_over(HijackHelper::KINDS["the client's TCP socket"])
    expect(io.getsockopt(:TCP, :NODELAY).bool).to be(true)
  end
end
