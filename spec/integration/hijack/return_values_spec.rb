# frozen_string_literal: true

require "spec_helper"
require "support/hijack/helper"

# Rack SPEC, "Full Hijack": what the application returns then is ignored, but for the body's close.
RSpec.describe "Behind a full hijack" do
  include HijackHelper

  # A body that notes what is done with it.
  def noting_body(method = :each)
    notes = self.notes
    Class.new do
      define_method(method) { |*| notes << method }
      define_method(:close) { notes << :close }
    end.new
  end

  # Serves an application that writes "taken" and keeps the socket open when it returns what the block makes.
  def serve_taken(&)
    serve_hijack_of(->(io, _env) { io.write("taken") && (sockets << io) }, &)
  end

  # Serves an application that does `code` with the socket, and returns what the block makes.
  def serve_hijack_of(code)
    serve(threads: 1) do |env|
      next [200, {}, ["ordinary"]] if env["PATH_INFO"] == "/ordinary"

      %i[first second].each do |name|
        env["rack.response_finished"] << ->(_, status, headers, error) { notes << [name, status, headers, error&.message] }
      end
      io = env["rack.hijack"].call
      taken << io
      code.call(io, env)
      yield
    end
  end

  # What was noted so far; the one thread has ended with the request when it has answered another.
  def noted(server)
    expect(get(server, "/ordinary").body).to eq("ordinary")
    Array.new(notes.size) { notes.pop }
  end

  # What the application returns, and of that what response_finished is told.
  {
    "[-1, {}, []]" => [-> { [-1, {}, []] }, [-1, {}]],
    "[-1, {}, nil]" => [-> { [-1, {}, nil] }, [-1, {}]],
    "[0, {}, []]" => [-> { [0, {}, []] }, [0, {}]],
    "[418, {}, an Array]" => [-> { [418, { "x-tea" => "pot" }, ["I'm a teapot"]] }, [418, { "x-tea" => "pot" }]],
    "a whole response" => [-> { [200, { "content-length" => "4" }, ["body"]] }, [200, { "content-length" => "4" }]],
    "one with a status of 101" => [-> { [101, {}, []] }, [101, {}]],
    "nil" => [-> {}, [nil, nil]],
    "false" => [-> { false }, nil],
    "an empty Array" => [-> { [] }, [nil, nil]],
    "what is no response" => [-> { %w[not a response] }, nil]
  }.each do |name, (make, finished)|
    it "#{name} is ignored: nothing but the application's bytes is sent, and its thread is free" do
      server = serve_taken(&make)
      client = hijack(server)
      expect(client.read_bytes(5)).to eq("taken")
      result = noted(server)
      expect(result.map(&:first)).to eq(%i[second first])
      expect(result.map { |note| note[1..] }).to all(eq([*finished, nil])) if finished
      sockets.pop.close
      expect(client.read_to_eof).to eq("")
      expect(client).to be_eof
      expect(notes).to be_empty
      expect(server.log).to eq("")
    end
  end

  %i[each call].each do |method|
    it "a body with #{method} is not consumed, and is closed once, while the socket is open" do
      server = serve_taken { [200, {}, noting_body(method)] }
      client = hijack(server)
      expect(client.read_bytes(5)).to eq("taken")
      expect(noted(server)).to match([:close, [:second, 200, {}, nil], [:first, 200, {}, nil]])
      sockets.pop.close
      expect(client).to be_eof
    end
  end

  it "a partial hijack is not run" do
    server = serve_taken { [200, { "rack.hijack" => ->(_stream) { notes << :partial } }, noting_body] }
    expect(hijack(server).read_bytes(5)).to eq("taken")
    expect(noted(server).first).to eq(:close)
  end

  [StandardError, NoMemoryError, SystemExit].each do |type|
    it "#{type} is logged whole, and nothing of it is sent" do
      server = serve_hijack_of(->(io, _env) { io.write("taken") }) { raise type, "an error of the application" }
      client = hijack(server)
      expect(client.read_bytes(5)).to eq("taken")
      expect(noted(server)).to all(match([be_a(Symbol), nil, nil, "an error of the application"]))
      expect(client.received).to eq("")
      eventually { server.log.include?("an error of the application") && server.log.include?(__FILE__) }
      taken.pop.then do |io|
        io.write(" and open")
        io.close
      end
      expect(client.read_to_eof).to eq(" and open")
    end
  end

  it "an error leaves a socket that was closed before as it is" do
    server = serve_hijack_of(->(io, _env) { io.write("all") && io.close }) { raise "an error of the application" }
    client = hijack(server)
    expect(client.read_to_eof).to eq("all")
    expect(client).to be_eof
  end

  it "an error in close, and one in response_finished, are logged, and the others still run" do
    body = Class.new { define_method(:close) { raise "an error in close" } }.new
    raising = ->(*) { raise "an error in response_finished" }
    server = serve_hijack_of(->(_io, env) { env["rack.response_finished"] << raising }) { [200, {}, body] }
    hijack(server)
    expect(Array.new(2) { notes.pop.first }).to eq(%i[second first])
    eventually { server.log.include?("an error in close") && server.log.include?("an error in response_finished") }
  end

  it "Thread#kill of the application's thread leaves the socket open, and the thread is replaced" do
    server = serve_hijack_of(->(io, _env) { sockets << io }) { Thread.current.kill }
    client = hijack(server)
    io = sockets.pop
    expect(get(server, "/ordinary").body).to eq("ordinary")
    io.write("still open")
    io.close
    expect(client.read_to_eof).to eq("still open")
  end
end
