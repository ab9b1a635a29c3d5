# frozen_string_literal: true

require "spec_helper"
require "support/application/helper"

# Contract: close exactly once on every path, then rack.response_finished in reverse, on the thread that called the
# application.
RSpec.describe "The end of an exchange" do
  include ApplicationHelper

  # Each kind of body, whole; description => what makes its methods and adds header fields.
  kinds = {
    "to_ary" => ->(*) { { to_ary: -> { %w[one two] } } },
    "each" => ->(*) { { each: ->(block) { %w[one two].each(&block) } } },
    "call" => ->(*) { { call: ->(stream) { stream.write("one") && stream.close } } },
    "to_path" => ->(*) { { to_path: -> { __FILE__ }, each: nil } },
    "each beside a partial hijack" => lambda { |headers|
      headers["rack.hijack"] = ->(stream) { stream.write("one") && stream.close }
      { each: nil }
    }
  }

  # A response with a body of a kind.
  define_method(:response_of) do |kind, status|
    headers = { "content-type" => "text/plain" }
    methods = kinds.fetch(kind).call(headers)
    [status, headers, traced_body(**methods)]
  end

  kinds.each_key do |kind|
    it "comes once behind a response whose body is #{kind}" do
      server = serve_traced { response_of(kind, 200) }
      expect(get(server, "/").status).to eq(200)
      expect_closed_once
      expect_finished(status: 200)
    end

    it "comes once behind a HEAD, without a use of the body, which is #{kind}" do
      server = serve_traced { response_of(kind, 200) }
      expect(request(server, "HEAD", "/").status).to eq(200)
      expect_closed_once
      expect_finished(status: 200)
      expect(trace.names & %i[each call to_ary]).to eq([:call]) # the application's
    end

    [204, 304].each do |status|
      it "comes once behind #{status}, without a use of the body, which is #{kind}" do
        server = serve_traced { response_of(kind, status) }
        expect(get(server, "/").status).to eq(status)
        expect_closed_once
        expect_finished(status: status)
        expect(trace.count(:each) + trace.count(:to_ary)).to eq(0)
        expect(trace.count(:call)).to eq(1) # the application's
      end
    end

    { "a status that is none" => 0, "a status that is not final" => 103, "a status of -1" => -1 }.each do |reason, status|
      it "comes once behind a 500 for #{reason}, without a use of the body, which is #{kind}" do
        server = serve_traced { response_of(kind, status) }
        expect(get(server, "/").status).to eq(500)
        eventually { trace.count(:close) == 1 }
        expect_closed_once
        expect_finished(status: status, error: StandardError)
      end
    end

    it "comes once behind a full hijack, whatever the body, which is #{kind}" do
      server = serve_traced do |env|
        env["rack.hijack"].call.tap { |socket| socket.write("by hand") }.close
        response_of(kind, 418)
      end
      expect(connect(server).write(request_bytes("GET", "/")).read_to_eof).to eq("by hand")
      expect_closed_once
      expect_finished(status: 418)
      expect(trace.names & %i[each to_ary to_path]).to be_empty
    end
  end

  it "comes once behind a full hijack while the socket is still open" do
    sockets = Queue.new
    server = serve_traced do |env|
      sockets << env["rack.hijack"].call
      [-1, {}, traced_body]
    end
    client = connect(server).write(request_bytes("GET", "/"))
    expect_closed_once
    expect_finished(status: -1)
    socket = sockets.pop
    socket.write("later")
    socket.close
    expect(client.read_to_eof).to eq("later")
  end

  it "comes behind a full hijack that returns nil or nothing of a response" do
    [nil, [], "text", [418]].each do |result|
      calls = Queue.new
      server = serve do |env|
        env["rack.response_finished"] << ->(*arguments) { calls << arguments.last }
        env["rack.hijack"].call.close
        result
      end
      expect(connect(server).write(request_bytes("GET", "/")).read_to_eof).to eq("")
      expect(calls.pop).to be_nil
      expect(server.log).to eq("")
    end
  end

  # Bodies that write until they are stopped, to see what stops them.
  endless = {
    "each" => { each: ->(block) { loop { block.call("a" * 10_000) } } },
    "call" => { call: ->(stream) { loop { stream.write("a" * 10_000) } } }
  }

  # What ends them: description => settings, and what the client or the server does once the client has the head.
  ends = {
    "a client that resets" => [{}, ->(client, _server) { client.abort }],
    "a client that closes" => [{}, ->(client, _server) { client.close }],
    "the write time-out" => [{ write_timeout: 0.3 }, ->(_client, _server) {}],
    "the end of the server" => [{}, ->(_client, server) { server.stop(timeout: 0.1) }]
  }

  endless.each do |kind, methods|
    ends.each do |reason, (settings, action)|
      it "comes once when #{reason} ends #{kind}, which sees an error as of a socket" do
        server = serve_traced(**settings) { [200, {}, traced_body(**methods)] }
        client = connect(server, receive_buffer: 4096).write(request_bytes("GET", "/"))
        expect(client.read_head.status).to eq(200)
        action.call(client, server)
        expect_closed_once
        expect_finished(status: 200, error: SystemCallError)
        expect(server.log).not_to include("raised")
      end
    end
  end

  # Bodies of 16 MiB and more, of which a client that leaves has read little: name => what makes the methods, of an empty file.
  long = {
    "an Array" => ->(_path) { { to_ary: -> { ["a" * (16 << 20)] } } },
    "a file" => ->(path) { File.truncate(path, 64 << 20) && { to_path: -> { path }, each: nil } }
  }

  long.each do |name, methods|
    it "comes once when a client leaves in the middle of #{name}" do
      path = File.join(temporary_folder, "file").tap { |file| File.write(file, "") }
      server = serve_traced { [200, {}, traced_body(**methods.call(path))] }
      client = connect(server, receive_buffer: 4096).write(request_bytes("GET", "/"))
      expect(client.read_head.status).to eq(200)
      client.abort
      expect_closed_once
      expect(get(server, "/alive").body).to eq("alive")
    end
  end

  it "comes once when the request's body breaks off while the application reads it" do
    server = serve_traced { |env| [200, {}, traced_body(each: ->(block) { block.call(env["rack.input"].read) })] }
    client = connect(server).write(request_bytes("POST", "/", headers: { "transfer-encoding" => "chunked" }))
    eventually { trace.count(:each) == 1 }
    client.write("5\r\nhel").close_write
    expect(client.read_response.status).to eq(400)
    expect_closed_once
    expect_finished(status: 200, error: EOFError)
  end

  it "comes once when the request's body takes too long while the application reads it" do
    server = serve_traced(body_timeout: 0.2) { |env| [200, {}, traced_body(each: ->(block) { block.call(env["rack.input"].read) })] }
    client = connect(server).write(request_bytes("POST", "/", headers: { "transfer-encoding" => "chunked" }))
    expect(client.read_response.status).to eq(408)
    expect_closed_once
    expect_finished(status: 200, error: Errno::ETIMEDOUT)
  end

  it "comes with what the application has said last of status and headers, and with its own env" do
    seen = Queue.new
    headers = { "x-a" => "b" }
    server = serve do |env|
      env["mine"] = :value
      env["rack.response_finished"] << ->(*arguments) { seen << arguments }
      [201, headers, []]
    end
    get(server, "/path")
    env, status, given, error = seen.pop
    expect(env).to include("mine" => :value, "PATH_INFO" => "/path")
    expect([status, given, error]).to match([201, be(headers), be_nil])
  end

  it "calls each callable for itself when several raise, in reverse, and logs all" do
    order = Queue.new
    server = serve do |env|
      4.times do |number|
        env["rack.response_finished"] << lambda do |*|
          order << number
          raise "callable #{number}" if number.odd?
        end
      end
      [200, {}, []]
    end
    expect(get(server, "/").status).to eq(200)
    expect(Array.new(4) { order.pop }).to eq([3, 2, 1, 0])
    eventually { expect(server.log).to include("callable 3", "callable 1") }
  end

  it "calls what is registered while the body is consumed and closed" do
    order = Queue.new
    server = serve do |env|
      register = ->(name) { env["rack.response_finished"] << ->(*) { order << name } }
      register.call(:call)
      [200, {}, traced_body(each: ->(block) { register.call(:each) && block.call("a") }, close: -> { register.call(:close) })]
    end
    expect(get(server, "/").body).to eq("a")
    expect(Array.new(3) { order.pop }).to eq(%i[close each call])
  end

  it "sees the body closed before the next request of the connection is taken" do
    server = serve_traced(threads: 1) { response_of("each", 200) }
    client = connect(server).write(request_bytes("GET", "/") * 2)
    2.times { expect(client.read_response.status).to eq(200) }
    eventually { trace.count(:first_callable) == 2 }
    order = trace.names & %i[call each close second_callable first_callable]
    expect(trace.names).to eq(order * 2)
  end
end
