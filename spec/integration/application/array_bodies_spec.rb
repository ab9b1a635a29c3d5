# frozen_string_literal: true

require "spec_helper"
require "support/application/helper"

RSpec.describe "A body that can be had at once" do
  include ApplicationHelper

  {
    "an empty Array" => [],
    "an Array of one String" => ["hello"],
    "an Array of many Strings" => Array.new(10_000, &:to_s),
    "an Array with empty Strings" => ["", "a", "", "b", ""],
    "a String of 5 MiB" => ["a" * (5 << 20)],
    "Strings in several encodings" => ["caf\u00e9", "\xFF".b, "caf\u00e9".encode(Encoding::ISO_8859_1)],
    "a subclass of String" => [Class.new(String).new("hello")],
    "frozen Strings" => %w[a b].map(&:freeze).freeze
  }.each do |description, chunks|
    it "is sent as it is: #{description}" do
      server = serve { [200, {}, chunks] }
      client = connect(server).write(request_bytes("GET", "/") * 2)
      2.times { expect(client.read_response.body).to eq(chunks.map(&:b).join) }
    end
  end

  # Without a callable, which would be reason enough to go on behind the answer.
  {
    "it has a close of its own" => ->(close) { ["hello"].tap { |body| body.define_singleton_method(:close, &close) } },
    "its class has a close" => ->(close) { Class.new(Array) { define_method(:close, &close) }.new(["hello"]) },
    "somebody has given all Arrays a close" => ->(close) { ["hello"].tap { Array.define_method(:close, &close) } }
  }.each do |where, make|
    it "is closed where #{where}" do
      closed = Thread::Queue.new
      body = make.call(-> { closed << self })
      server = serve { [200, {}, body] }
      expect(get(server, "/").body).to eq("hello")
      server.stop
      expect(closed.size).to eq(1)
    ensure
      Array.remove_method(:close) if Array.method_defined?(:close)
    end
  end

  it "is followed by the callables, also by those of an Array that the application has put in the place of the server's" do
    server = serve_traced do |env|
      env["rack.response_finished"] = env["rack.response_finished"].dup
      [200, {}, ["hello"]]
    end
    expect(get(server, "/").body).to eq("hello")
    expect_finished(status: 200)
  end

  it "needs no callables: they may be nil, and the key may be gone" do
    server = serve do |env|
      env["PATH_INFO"] == "/nil" ? env["rack.response_finished"] = nil : env.delete("rack.response_finished")
      [200, {}, ["hello"]]
    end
    client = connect(server)
    %w[/nil /gone /nil].each { |path| expect(client.write(request_bytes("GET", path)).read_response.body).to eq("hello") }
    expect(server.log).not_to include("penstock:")
  end

  it "is taken from to_ary, in place of each" do
    body = traced_body(to_ary: -> { %w[to ary] }, each: ->(block) { block.call("each") })
    server = serve_traced { [200, {}, body] }
    expect(get(server, "/").body).to eq("toary")
    expect_closed_once
    expect(trace.count(:each)).to eq(0)
  end

  it "is not consumed behind a to_ary that closes, as Rack's SPEC asks of it" do
    body = traced_body(to_ary: lambda {
      body.close
      %w[to ary]
    }, each: ->(block) { block.call("each") })
    server = serve_traced { [200, {}, body] }
    expect(get(server, "/").body).to eq("toary")
    expect_finished_calls
    expect(trace.names - [:close]).to eq(%i[call to_ary second_callable first_callable])
  end

  it "is a 500 where to_ary gives what is no Array" do
    ["text", 5, {}, [nil], [["a"]]].each do |value|
      server = serve { [200, {}, traced_body(to_ary: -> { value })] }
      expect(get(server, "/").status).to eq(500)
    end
  end

  it "gives way to each where to_ary says with nil that there is no Array" do
    server = serve_traced { [200, {}, traced_body(to_ary: nil, each: ->(block) { block.call("each") })] }
    expect(get(server, "/").body).to eq("each")
    expect_closed_once
  end

  it "is not changed by the server, nor looked at behind the response" do
    chunks = %w[a b]
    server = serve { [200, {}, chunks] }
    expect(get(server, "/").body).to eq("ab")
    chunks.replace(%w[c])
    expect(get(server, "/").body).to eq("c")
    expect(chunks).to eq(%w[c])
  end

  # R22: what an each body yields is seen by the client before the next element is there.
  describe "is not waited for when it comes from each:" do
    parts = %w[one two six]

    # What the response's head says of the length, and how the client reads a part of it.
    framings = {
      "chunks" => [{}, "1.1", :read_chunk.to_proc],
      "a content-length" => [{ "content-length" => "9" }, "1.1", ->(client) { client.read_bytes(3) }],
      "the end of the connection" => [{}, "1.0", ->(client) { client.read_bytes(3) }],
      "chunks that the application has made" => [{ "transfer-encoding" => "chunked" }, "1.1", :read_chunk.to_proc]
    }
    framings.each do |description, (headers, version, read)|
      it "each element leaves at once, framed by #{description}" do
        steps = Queue.new
        taken = Queue.new
        body = traced_body(each: lambda { |block|
          parts.each do |part|
            block.call(headers.key?("transfer-encoding") ? "3\r\n#{part}\r\n" : part)
            taken << part
            steps.pop
          end
          block.call("0\r\n\r\n") if headers.key?("transfer-encoding")
        })
        server = serve_traced { [200, headers, body] }
        client = connect(server).write("GET / HTTP/#{version}\r\nHost: example.org\r\n\r\n")
        expect(client.read_head.status).to eq(200)
        parts.each do |part|
          expect(read.call(client)).to eq(part)
          expect(taken.pop).to eq(part)
          expect(taken).to be_empty
          steps << :go
        end
        expect_closed_once
      end
    end

    it "the head leaves with the first element, and not before the body can still fail" do
      latch = Latch.new
      server = serve { [200, {}, traced_body(each: ->(block) { latch.wait && block.call("one") })] }
      client = connect(server).write(request_bytes("GET", "/"))
      eventually { latch.waiting == 1 }
      expect(client.received).to eq("")
      latch.open
      expect(client.read_response.body).to eq("one")
    end

    it "elements that are empty end nothing" do
      server = serve { [200, {}, ["", "a", "", "b", ""].each] }
      expect(get(server, "/").body).to eq("ab")
    end

    it "no element at all is an empty body" do
      server = serve { [200, {}, [].each] }
      client = connect(server).write(request_bytes("GET", "/") * 2)
      2.times { expect(client.read_response).to have_attributes(status: 200, body: "") }
    end

    it "an element that the application changes afterwards was sent as it was" do
      server = serve do
        [200, {}, traced_body(each: lambda { |block|
          buffer = +""
          parts.each { |part| block.call(buffer.replace(part)) }
        })]
      end
      expect(get(server, "/").body).to eq("onetwosix")
    end
  end
end
