# frozen_string_literal: true

require "spec_helper"
require "support/streaming/helper"

# RFC 9110 section 7.8 and Rack SPEC, "rack.protocol": behind a 101 the bytes are the application's, both ways.
RSpec.describe "Switching protocols" do
  include StreamingHelper

  offer = { "connection" => "upgrade", "upgrade" => "chat, other" }

  # How an application accepts: form, status and header fields.
  ways = {
    "a partial hijack that answers 101" => ["a partial hijack", 101, { "connection" => "upgrade", "upgrade" => "chat" }],
    "a partial hijack with rack.protocol" => ["a partial hijack", 101, { "rack.protocol" => "chat" }],
    "a body with call that answers 101" => ["a body with call", 101, { "connection" => "upgrade", "upgrade" => "chat" }],
    "a body with call and rack.protocol" => ["a body with call", 101, { "rack.protocol" => "chat" }],
    "a body with call and rack.protocol behind a 200" => ["a body with call", 200, { "rack.protocol" => "chat" }],
    "a body with call and rack.protocol through Rack::Lint" =>
      ["a body with call through Rack::Lint", 101, { "rack.protocol" => "chat" }],
    "a partial hijack that answers 101 through Rack::Lint" =>
      ["a partial hijack through Rack::Lint", 101, { "connection" => "upgrade", "upgrade" => "chat" }]
  }

  it "is refused to an application that answers 101 without having been asked" do
    [[{}, "HTTP/1.1"], [offer, "HTTP/1.0"]].each do |headers, version|
      server = serve_stream("a body with call", status: 101, headers: { "upgrade" => "chat" }) { |stream, _env| stream.close }
      expect(open_response(server, headers: headers, version: version).status).to eq(500)
      eventually { server.log.include?("the client has not offered to switch protocols") }
    end
  end

  it "leaves the body of the request to rack.input, and what comes behind the 101 to the stream" do
    accepted = [[101, { "upgrade" => "chat" }], [200, { "rack.protocol" => "chat" }]]
    bodies = ["Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"]
    accepted.product(bodies).each do |(status, headers), body|
      server = serve_stream("a body with call", status: status, headers: headers) do |stream, env|
        notes << env["rack.input"].read << stream.read
        stream.close
      end
      client = connect(server)
      client.write("POST / HTTP/1.1\r\nHost: example.org\r\nConnection: upgrade\r\nUpgrade: chat\r\n#{body}")
      expect(client.read_head.status).to eq(101)
      client.write("raw").close_write
      expect([notes.pop, notes.pop]).to eq(%w[hello raw])
    end
  end

  ways.each do |name, (form, status, fields)|
    describe "with #{name}", rack: StreamingForms.rack(form) do
      # What the application is; its code is the block.
      define_method(:serve_chat) { |**settings, &run| serve_stream(form, status: status, headers: fields, **settings, &run) }

      # A client that has read the head of the answer.
      define_method(:switch) do |server, early: ""|
        client = connect(server).write(request_bytes("GET", "/", headers: offer) + early)
        head = client.read_head
        expect([head.status, head["connection"].downcase, head["upgrade"], head["transfer-encoding"], head["rack.protocol"]])
          .to eq([101, "upgrade", "chat", nil, nil])
        client
      end

      it "passes bytes on as they are, both ways" do
        server = serve_chat do |stream, _env|
          2.times { stream << stream.read(4).swapcase }
          stream.close
        end
        client = switch(server)
        client.write("onE\n")
        expect(client.read_bytes(4)).to eq("ONe\n")
        client.write("\r\n\r\n")
        expect(client.read_to_eof).to eq("\r\n\r\n")
        expect(client).to be_eof
      end

      it "lets the application read first: it waits for what the client sends" do
        20.times do
          server = @server ||= serve_chat { |stream, _env| stream.write(stream.read(2)) && stream.close }
          client = switch(server)
          client.write("ab")
          expect(client.read_to_eof).to eq("ab")
        end
      end

      it "loses nothing that the client sent right behind its request" do
        server = serve_chat { |stream, _env| stream.write(stream.read(50_005).reverse) && stream.close }
        client = switch(server, early: "early#{"x" * 50_000}")
        expect(client.read_to_eof).to eq("#{"x" * 50_000}ylrae")
      end

      it "shows the client's FIN as the end of what is read, and still writes" do
        server = serve_chat do |stream, _env|
          notes << stream.read
          notes << stream.closed?
          stream.write("and still here")
          stream.close
        end
        client = switch(server).write("all").close_write
        expect([notes.pop, notes.pop]).to eq(["all", false])
        expect(client.read_to_eof).to eq("and still here")
        expect(client).to be_eof
      end

      it "stays open when the code has returned, and holds no thread" do
        server = serve_chat(threads: 1) { |stream, _env| streams << stream }
        opened = Array.new(3) { [switch(server), streams.pop] }
        opened.each_with_index do |(client, stream), number|
          client.write("from #{number};")
          expect(stream.read(7)).to eq("from #{number};")
          stream.write("to #{number};")
          expect(client.read_until(";")).to eq("to #{number};")
        end
        opened.each { |client, stream| stream.close || expect(client).to(be_eof) }
      end

      it "shows the client a reset when the code raises" do
        server = serve_chat do |stream, _env|
          stream.write("begun;")
          raise "an error of the application"
        end
        client = switch(server)
        expect(client.read_until(";")).to eq("begun;")
        expect(client).to be_reset
        eventually { server.log.include?("an error of the application") }
      end

      it "sends the FIN with close_write, and still reads" do
        server = serve_chat { |stream, _env| streams << stream }
        client = switch(server)
        stream = streams.pop
        stream.write("all")
        stream.close_write
        expect(client.read_to_eof).to eq("all")
        expect(client).to be_eof
        client.write("and more").close_write
        expect(stream.read).to eq("and more")
        stream.close
      end

      it "sends all that was written before a close, though the client has sent what nobody read" do
        server = serve_chat do |stream, _env|
          stream.read(1)
          stream.write("x" * 300_000)
          stream.close
        end
        client = switch(server).write("y" * 30_000)
        expect(client.read_to_eof.bytesize).to eq(300_000)
        expect(client).to be_eof
      end
    end
  end

  it "is no switch when the client has not offered the protocol" do
    server = serve_stream(status: 200, headers: { "rack.protocol" => "chat" }) { |stream, _env| stream.close }
    response = open_response(server, headers: { "connection" => "upgrade", "upgrade" => "other" })
    expect([response.status, response["upgrade"], response["rack.protocol"], response.rest]).to eq([200, nil, nil, ""])
  end

  it "reads little ahead of the application: a client that nobody reads from is held up" do
    server = serve_left_open(status: 101, headers: { "rack.protocol" => "chat" })
    _, stream = open_stream(server, headers: offer)
    taken = 0
    eventually(20) do
      written = client.socket.write_nonblock("z" * 65_536, exception: false)
      taken += written if written.is_a?(Integer)
      written == :wait_writable && client.socket.wait_writable(0.2).nil?
    end
    held_by_server = taken - TcpTable.client_end(client).unsent - TcpTable.server_end(client).unread
    expect(held_by_server).to be < 128 * 1024
    expect(stream.read(taken).bytesize).to eq(taken)
  end

  it "names what the client offers in env" do
    server = serve { |env| [200, {}, [env["rack.protocol"].inspect]] }
    expect(get(server, "/", offer).body).to eq('["chat", "other"]')
    expect(get(server, "/").body).to eq("nil")
  end

  it "applies no limit for request bodies or idle connections" do
    limits = { keep_alive_timeout: 0.2, first_byte_timeout: 0.2, header_timeout: 0.2, body_timeout: 0.2, max_body_bytes: 3 }
    server = serve_stream(status: 101, headers: { "rack.protocol" => "chat" }, **limits) { |stream, _env| streams << stream }
    client = connect(server).write(request_bytes("GET", "/", headers: offer))
    expect(client.read_head.status).to eq(101)
    stream = streams.pop
    reader = Thread.new { stream.read(8) }
    expect(connect(server)).to be_eof # an idle connection that began later has reached its limit
    client.write("all of 8")
    expect(reader.value).to eq("all of 8")
    stream.write("still here;")
    expect(client.read_until(";")).to eq("still here;")
  end
end
