# frozen_string_literal: true

require "spec_helper"

RSpec.describe "Input that the application never reads" do
  include RawCases::Checks

  # An application that reads nothing, and the paths it was called with.
  def serve_blind(**settings)
    @paths = Queue.new
    serve(**settings) do |env|
      @paths << env["PATH_INFO"]
      [200, {}, ["ok"]]
    end
  end

  # The paths so far.
  def paths
    Array.new(@paths.size) { @paths.pop }
  end

  # A body that would be a request if it were taken for one.
  decoy = RawCases::PIPELINED

  bufferings = [true, false]

  {
    "of known length" => "POST /first HTTP/1.1\r\nHost: example.org\r\nContent-Length: #{decoy.bytesize}\r\n\r\n#{decoy}",
    "in chunks" => "POST /first HTTP/1.1\r\nHost: example.org\r\nTransfer-Encoding: chunked\r\n\r\n" \
                   "#{decoy.bytesize.to_s(16)}\r\n#{decoy}\r\n0\r\n\r\n"
  }.each do |description, bytes|
    bufferings.each do |buffering|
      it "is read away when it is small, #{description}, with request_buffering #{buffering}, and the connection is kept" do
        server = serve_blind(request_buffering: buffering)
        client = connect(server).write(bytes).write(request_bytes("GET", "/second"))
        expect(client.read_response.status).to eq(200)
        expect(client.read_response.status).to eq(200)
        expect(paths).to eq(%w[/first /second])
      end
    end
  end

  it "ends the connection when it is large, and the client that sends it first can read the answer" do
    server = serve_blind
    chunk = "#{(1 << 20).to_s(16)}\r\n#{decoy.ljust(1 << 20, "a")}\r\n"
    client = connect(server).write("POST /first HTTP/1.1\r\nHost: example.org\r\nTransfer-Encoding: chunked\r\n\r\n")
    client.write(chunk * 8)
    expect(client.read_response.status).to eq(200)
    client.offer("0\r\n\r\n").offer(decoy)
    expect(client).to be_ended
    expect(paths).to eq(["/first"])
    expect_alive(server)
  end

  it "ends the connection when it is large and of known length, and the application was called at the head" do
    server = serve_blind(request_buffering: false)
    size = 8 << 20
    client = connect(server).write("POST /first HTTP/1.1\r\nHost: example.org\r\nContent-Length: #{size}\r\n\r\n")
    client.write("a" * (size - 1))
    expect(client.read_response.status).to eq(200)
    client.offer("a#{decoy}")
    expect(client).to be_ended
    expect(paths).to eq(["/first"])
    expect_alive(server)
  end

  it "ends the connection when it does not come, whatever follows" do
    server = serve_blind(request_buffering: false, linger_timeout: 0.3)
    client = connect(server).write("POST /first HTTP/1.1\r\nHost: example.org\r\nContent-Length: #{1 << 20}\r\n\r\nabc")
    expect(client.read_response.status).to eq(200)
    expect(client).to be_ended
    expect_alive(server)
  end

  describe "callables of rack.response_finished" do
    it "run in reverse, also behind one that raises" do
      ran = Queue.new
      server = serve do |env|
        env["rack.response_finished"] << ->(*) { ran << :first }
        env["rack.response_finished"] << ->(*) { raise "a callable that raises" }
        env["rack.response_finished"] << ->(*) { ran << :last }
        [200, {}, ["ok"]]
      end
      expect(get(server, "/").body).to eq("ok")
      expect([ran.pop, ran.pop]).to eq(%i[last first])
      eventually { server.log.include?("a callable that raises") }
      expect_alive(server)
    end
  end
end
