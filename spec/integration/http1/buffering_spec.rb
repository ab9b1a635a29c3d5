# frozen_string_literal: true

require "spec_helper"

RSpec.describe "When the application is called" do
  head = "HTTP/1.1\r\nHost: example.org\r\n"

  # An application that tells when it is called and for each read; it answers with the whole body.
  def serve_reader(**settings)
    @starts = Queue.new
    @reads = Queue.new
    serve(**settings) do |env|
      @starts << env
      body = +""
      while (part = env["rack.input"].read(5))
        @reads << part
        body << part
      end
      [200, {}, [body]]
    end
  end

  # The paths that the application was called with so far.
  def started
    envs.map { |env| env["PATH_INFO"] }
  end

  # The envs that it was called with so far.
  def envs
    @envs ||= []
    @envs << @starts.pop until @starts.empty?
    @envs
  end

  describe "with a body of known length" do
    it "waits for the whole body" do
      server = serve_reader
      client = connect(server).write("POST /whole #{head}Content-Length: 10\r\n\r\nhello")
      expect(get(server, "/other").status).to eq(200)
      expect(started).to eq(["/other"])
      expect(client.write("world").read_response.body).to eq("helloworld")
      expect(started).to eq(["/other", "/whole"])
    end

    it "does not wait where request_buffering is false" do
      server = serve_reader(request_buffering: false)
      client = connect(server).write("POST / #{head}Content-Length: 10\r\n\r\nhello")
      expect(@reads.pop).to eq("hello")
      client.write("world")
      expect(@reads.pop).to eq("world")
      expect(client.read_response.body).to eq("helloworld")
    end

    it "does not wait where there is none" do
      server = serve_reader
      expect(request(server, "POST", "/", body: "").body).to eq("")
      expect(get(server, "/").body).to eq("")
    end
  end

  describe "with a body of unknown length" do
    it "does not wait: what has come can be read before the rest comes" do
      server = serve_reader
      client = connect(server).write("POST / #{head}Transfer-Encoding: chunked\r\n\r\n")
      eventually { started == ["/"] }
      %w[hello world].each do |part|
        client.write("5\r\n#{part}\r\n")
        expect(@reads.pop).to eq(part)
      end
      client.write("0\r\n\r\n")
      expect(client.read_response.body).to eq("helloworld")
      expect(envs.first).to include("HTTP_TRANSFER_ENCODING" => "chunked")
      expect(envs.first).not_to include("CONTENT_LENGTH")
    end

    it "can answer while the body still comes" do
      server = serve do |env|
        [200, {}, Enumerator.new { |chunks| while (part = env["rack.input"].read(5)) do chunks << part.upcase end }]
      end
      client = connect(server).write("POST / #{head}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
      client.read_head
      expect(client.read_chunk).to eq("HELLO")
      client.write("5\r\nworld\r\n")
      expect(client.read_chunk).to eq("WORLD")
      client.write("0\r\n\r\n")
      expect(client.read_chunk).to be_nil
      expect(client.write(request_bytes("GET", "/")).read_response.status).to eq(200)
    end
  end

  # Unfinished bodies in the application hold a thread each.
  describe "with more unfinished bodies than half of the threads" do
    # Uploads at /0, /1, … that have a first chunk and no end.
    def unfinished(server, count)
      Array.new(count) do |index|
        connect(server).write("POST /#{index} HTTP/1.1\r\nHost: example.org\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n").tap do
          eventually { started.size == index + 1 } if index < @half
        end
      end
    end

    { 1 => 1, 2 => 1, 4 => 2, 5 => 2 }.each do |threads, half|
      context "when there are #{threads} threads" do
        before { @half = half }

        it "calls it for #{half} at their heads, and buffers the others until they are whole" do
          server = serve_reader(threads: threads)
          clients = unfinished(server, half + 3)
          late = clients.last.write("5\r\nworld\r\n0\r\n\r\n")
          if threads == 1 # the whole one waits for the thread
            eventually { server.server.stats.fetch(:queued) == 1 }
            clients.first.write("0\r\n\r\n")
            expect(clients.first.read_response.body).to eq("hello")
            expect(late.read_response.body).to eq("helloworld")
          else
            expect(get(server, "/other").status).to eq(200)
            expect(late.read_response.body).to eq("helloworld")
            expect(started.grep(/\d/)).to eq([*0...half, half + 2].map { |number| "/#{number}" })
          end
        end

        it "calls it for another one when a place is free" do
          server = serve_reader(threads: threads)
          clients = unfinished(server, half + 1)
          expect(get(server, "/other").status).to eq(200) unless threads == 1
          expect(started.grep(/\d/).size).to eq(half)
          clients.first.write("0\r\n\r\n")
          expect(clients.first.read_response.body).to eq("hello")
          eventually { started.include?("/#{half}") }
          clients.drop(1).each { |client| expect(client.write("0\r\n\r\n").read_response.body).to eq("hello") }
        end
      end
    end

    it "tells the length of one that was buffered whole, so that frameworks read it" do
      @half = 1
      server = serve_reader(threads: 2)
      clients = unfinished(server, 2)
      expect(clients.last.write("5\r\nworld\r\n0\r\n\r\n").read_response.body).to eq("helloworld")
      expect(envs.find { |env| env["PATH_INFO"] == "/1" }).to include("CONTENT_LENGTH" => "10")
    end
  end
end
