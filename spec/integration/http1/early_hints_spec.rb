# frozen_string_literal: true

require "spec_helper"

RSpec.describe "Early hints (RFC 8297)" do
  hint = "</style.css>; rel=preload; as=style"

  it "go out as 103 before the application has answered" do
    latch = Latch.new
    server = serve(early_hints: true) do |env|
      env["rack.early_hints"].call("link" => hint)
      latch.wait
      [200, {}, ["ok"]]
    end
    client = connect(server).write(request_bytes("GET", "/"))
    early = client.read_response
    expect(early.status).to eq(103)
    expect(early.headers["link"]).to eq([hint])
    expect(early.headers.keys - %w[link date]).to be_empty
    latch.open
    expect(client.read_response).to have_attributes(status: 200, body: "ok")
  end

  it "may be sent several times, and on every request of a connection" do
    server = serve(early_hints: true) do |env|
      2.times { |index| env["rack.early_hints"].call("link" => "<#{env["PATH_INFO"]}#{index}>") }
      [200, {}, ["ok"]]
    end
    client = connect(server).write(request_bytes("GET", "/a") + request_bytes("GET", "/b"))
    links = %w[/a /b].flat_map do
      early = [client.read_response, client.read_response]
      expect(early.map(&:status)).to eq([103, 103])
      expect(client.read_response.status).to eq(200)
      early.map { |response| response["link"] }
    end
    expect(links).to eq(%w[</a0> </a1> </b0> </b1>])
  end

  # More than the kernel takes: some hint is only half out when its response is there.
  it "do not cost a response where the client does not read for a while" do
    server = serve(early_hints: true, threads: 1) do |env|
      env["rack.early_hints"].call("link" => "<#{"h" * 900}>")
      [200, {}, [env["PATH_INFO"].ljust(100)]]
    end
    client = connect(server, receive_buffer: 4096)
    count = 6000
    writer = Thread.new { count.times { |number| client.socket.write(request_bytes("GET", "/#{number}")) } }
    now = -> { Process.clock_gettime(Process::CLOCK_MONOTONIC) }
    last = since = nil
    # Until nothing goes on for longer than an idle connection keeps the parser's state.
    eventually(15) do
      requests = server.server.stats[:requests]
      since = now.call if requests != last
      last = requests
      now.call - since > 2.5
    end
    bodies = Array.new(count) { client.read_final_response.body.strip }
    expect(bodies).to eq(Array.new(count) { |number| "/#{number}" })
    writer.join
  end

  it "send an Array, and the lines of a String, as one field each" do
    server = serve(early_hints: true) do |env|
      env["rack.early_hints"].call("link" => %w[<a> <b>])
      env["rack.early_hints"].call("link" => "<c>\n<d>")
      [200, {}, ["ok"]]
    end
    client = connect(server).write(request_bytes("GET", "/"))
    expect(client.read_response.headers["link"]).to eq(%w[<a> <b>])
    expect(client.read_response.headers["link"]).to eq(%w[<c> <d>])
    expect(client.read_response.status).to eq(200)
  end

  it "carry no CR or NUL from the application" do
    server = serve(early_hints: true) do |env|
      env["rack.early_hints"].call("link" => "<a>\rx-bad: b", "x-nul" => "a\0b", "x-good" => "a")
      [204, {}, []]
    end
    client = connect(server).write(request_bytes("GET", "/"))
    early = client.read_response
    expect(early.status).to eq(103)
    expect(early.headers.keys - ["date"]).to eq(["x-good"])
    expect(client.read_response.status).to eq(204)
  end

  it "are not offered where no 103 can go out: HTTP/1.0" do
    offered = Queue.new
    server = serve(early_hints: true) { |env| (offered << env.key?("rack.early_hints")) && [200, {}, ["ok"]] }
    expect(connect(server).write("GET / HTTP/1.0\r\nHost: example.org\r\n\r\n").read_response.status).to eq(200)
    expect(get(server, "/").status).to eq(200)
    expect([offered.pop, offered.pop]).to eq([false, true])
  end

  it "are not offered unless the setting early_hints says so" do
    offered = Queue.new
    server = serve { |env| (offered << env.key?("rack.early_hints")) && [200, {}, ["ok"]] }
    expect(get(server, "/").status).to eq(200)
    expect(offered.pop).to be(false)
  end

  it "do nothing behind the response's head" do
    server = serve(early_hints: true) do |env|
      body = Enumerator.new do |chunks|
        chunks << "a"
        env["rack.early_hints"].call("link" => hint)
        chunks << "b"
      end
      [200, {}, body]
    end
    client = connect(server).write(request_bytes("GET", "/") * 2)
    2.times { expect(client.read_response).to have_attributes(status: 200, body: "ab") }
  end
end
