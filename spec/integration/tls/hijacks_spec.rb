# frozen_string_literal: true

require "spec_helper"
require "support/hijack/helper"

# What an application gets is one end of a socket pair: it sees plain bytes, whatever is on the wire.
RSpec.describe "A hijack over TLS" do
  include OverTls
  include HijackHelper

  head = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n"

  # @return [Array(RawClient, IO)] of a connection that was taken over
  def open_hijack(**options)
    client = hijack(serve_hijack, **options)
    [client, sockets.pop]
  end

  it "gives an IO that says where the client is, and takes options of TCP" do
    client, io = open_hijack
    expect(io).to be_a(UNIXSocket)
    expect(io.peeraddr.values_at(1, 3)).to eq([client.socket.local_address.ip_port, "127.0.0.1"])
    io.setsockopt(Socket::IPPROTO_TCP, Socket::TCP_NODELAY, 1)
  end

  it "carries bytes both ways, with what came early first" do
    client, io = open_hijack(early: "early;")
    expect(io.readpartial(100)).to eq("early;")
    client.write("question")
    expect(io.wait_readable(5) && io.read_nonblock(100)).to eq("question")
    io.write(head, "answer")
    expect(client.read_until("answer")).to eq("#{head}answer")
  end

  it "hands over a request with a body" do
    server = serve_hijack { |io, env| io.write(head, env["rack.input"].read) && io.close }
    client = connect(server).write(request_bytes("POST", "/", body: "the body"))
    expect(client.read_to_eof).to eq("#{head}the body")
  end

  it "delivers all that was written before the close, and then says close_notify" do
    client, io = open_hijack
    io.write(head)
    writer = Thread.new { io.write("a" * 2_000_000) && io.close }
    expect(client.read_until("\r\n\r\n")).to eq(head)
    expect(client.read_bytes(2_000_000).count("a")).to eq(2_000_000)
    writer.join
    expect(client).to be_eof
  end

  it "reads an EOF behind the client's close_notify, and may write on" do
    client, io = open_hijack
    client.write("last")
    client.close_write
    expect(io.read).to eq("last")
    io.write(head, "still")
    expect(client.read_until("still")).to eq("#{head}still")
  end

  it "learns of a client that is gone" do
    client, io = open_hijack
    client.abort
    expect(io.wait_readable(5)).to be_truthy
    eventually do
      io.write_nonblock("x")
      false
    rescue Errno::EPIPE, Errno::ECONNRESET
      true
    end
  end

  it "is over when the application has closed and the client takes nothing of what is left for as long as it may linger" do
    server = serve_hijack(linger_timeout: 0.1, linger_total: 0.3)
    client = hijack(server, receive_buffer: 4096)
    io = sockets.pop
    nil while io.write_nonblock("a" * 100_000, exception: false).is_a?(Integer) || io.wait_writable(0.2)
    io.close
    eventually { server.server.stats[:connections].zero? }
    expect { client.read_until("never") }.to raise_error(RawClient::Truncated, /reset/)
  end

  it "switches protocols behind a 101, raw both ways" do
    server = serve do |_env|
      [101, { "rack.protocol" => "echo" }, ->(stream) { stream.write(stream.read(4).upcase) && stream.close }]
    end
    client = connect(server).write(request_bytes("GET", "/", headers: { "connection" => "upgrade", "upgrade" => "echo" }))
    expect(client.read_head.status).to eq(101)
    expect(client.write("ping").read_to_eof).to eq("PING")
    expect(client).to be_eof
  end

  it "ends behind a 101 by close_notify, and an end without it is a connection that was broken" do
    server = serve do
      body = lambda do |stream|
        notes << stream.read(4)
        notes << stream.read
      rescue SystemCallError => e
        notes << e
      end
      [101, { "rack.protocol" => "echo" }, body]
    end
    ends = %i[close_write close_wire].map do |ending|
      client = connect(server).write(request_bytes("GET", "/", headers: { "connection" => "upgrade", "upgrade" => "echo" }))
      expect(client.read_head.status).to eq(101)
      client.write("ping")
      expect(notes.pop).to eq("ping")
      client.socket.public_send(ending)
      notes.pop
    end
    expect(ends).to match(["", an_instance_of(Errno::ECONNRESET)])
  end

  it "sends all behind a 101 to a client that reads slowly, and gives one up that does not read" do
    server = serve(write_timeout: 0.5) do |env|
      [101, { "rack.protocol" => "echo" }, lambda { |stream|
        stream.on_close { |error| notes << error }
        env["PATH_INFO"] == "/all" ? stream.write("a" * 1_000_000) && stream.close : loop { stream.write("a" * 10_000) }
      }]
    end
    upgrade = { "connection" => "upgrade", "upgrade" => "echo" }
    client = connect(server, receive_buffer: 4096).write(request_bytes("GET", "/all", headers: upgrade))
    expect(client.read_head.status).to eq(101)
    expect(client.read_bytes(1_000_000).count("a")).to eq(1_000_000)
    expect(client).to be_eof
    expect(notes.pop).to be_nil
    connect(server, receive_buffer: 4096).write(request_bytes("GET", "/endless", headers: upgrade))
    expect(notes.pop).to be_a(Errno::ECONNRESET)
  end
end
