# frozen_string_literal: true

require "spec_helper"
require "support/streaming/helper"

# Rack SPEC, "The Body" and "rack.response_finished": what runs, in which order, and on which thread. Of a streaming response all
# of it runs when its code has returned, whether or not the stream is still open: no lock or executor is held by an open stream.
RSpec.describe "What runs around a streaming response" do
  include StreamingHelper

  # A body of one kind that notes what is done with it.
  #
  # @param kind [Symbol] the method that consumes it: :call or :each
  # @yield in the place of its consumption
  def noting_body(kind, &block)
    notes = self.notes
    Class.new do
      define_method(kind) do |stream = nil, &each|
        notes << [kind, Thread.current]
        block&.call(stream || each)
        notes << [:returned, Thread.current]
      end
      define_method(:close) { notes << [:close, Thread.current] }
    end.new
  end

  # An application that notes what is called at its end.
  def noting_app(body, status: 200, headers: {})
    lambda do |env|
      %i[first second third].each do |name|
        env["rack.response_finished"] << lambda do |_env, *result|
          notes << [name, Thread.current, *result]
        end
      end
      notes << [:application, Thread.current]
      [status, headers, body]
    end
  end

  # The next `count` notes: their names, or what the block makes of each.
  def noted(count)
    eventually { notes.size >= count }
    Array.new(count) { notes.pop }.map { |note| block_given? ? yield(note) : note.first }
  end

  # Headers and body of a response whose code is the block.
  responses = {
    "a body with call" => ->(spec, code) { [{}, spec.noting_body(:call, &code)] },
    "a partial hijack" => ->(spec, code) { [{ "rack.hijack" => spec.noting_body(:call, &code).method(:call) }, spec.noting_body(:each)] }
  }

  order = %i[application call returned close third second first]

  bodiless = [["HEAD", 200], ["GET", 204], ["GET", 304]]

  responses.each do |name, make|
    describe "of #{name}" do
      define_method(:serve_noting) do |status: 200, &code|
        headers, body = make.call(self, code)
        serve(noting_app(body, status: status, headers: headers))
      end

      it "is the code, close, and response_finished in reverse, while the stream stays open" do
        response = open_response(serve_noting { |stream| streams << stream })
        expect(noted(7)).to eq(order)
        stream = streams.pop
        stream.write("still open;")
        expect(response.text_until(";")).to eq("still open;")
        stream.close
        expect(response.rest).to eq("")
        expect(notes).to be_empty
      end

      it "is the same where the stream was closed before the code returned" do
        response = open_response(serve_noting(&:close))
        expect(response.rest).to eq("")
        expect(noted(7)).to eq(order)
      end

      it "all runs on one thread, which may so unlock what it has locked" do
        response = open_response(serve_noting(&:close))
        expect(response.rest).to eq("")
        expect(noted(7) { |note| note[1] }.uniq.size).to eq(1)
      end

      it "tells response_finished of status and headers, and of no error" do
        response = open_response(serve_noting(status: 203, &:close))
        expect(response.rest).to eq("")
        status, headers, error = noted(7) { |note| note[2..] }.last
        expect([status, headers.keys - ["rack.hijack"], error]).to eq([203, [], nil])
      end

      it "is close and response_finished, with the error, when the code raises" do
        response = open_response(serve_noting { |stream| stream.write("begun;") && raise("an error of the application") })
        expect(response.text_until(";")).to eq("begun;")
        expect(response).to be_broken
        expect(noted(3)).to eq(%i[application call close])
        expect(noted(3) { |note| note.last.message }).to all(eq("an error of the application"))
      end

      it "is close and response_finished when the client has gone" do
        response = open_response(serve_noting { |stream| loop { stream.write("x" * 1000) } })
        expect(response.status).to eq(200)
        client.abort
        expect(noted(3)).to eq(%i[application call close])
        expect(noted(3) { |note| note.last.class }).to all(be(Errno::EPIPE).or(be(Errno::ECONNRESET)))
      end

      bodiless.each do |method, status|
        it "is close and response_finished alone for #{method} with #{status}" do
          server = serve_noting(status: status) { |stream| stream.write("never") }
          client = connect(server).write(request_bytes(method, "/"))
          expect(client.read_response(head: true).status).to eq(status)
          expect(noted(5)).to eq(%i[application close third second first])
          client.write(request_bytes(method, "/"))
          expect(client.read_response(head: true).status).to eq(status)
        end
      end

      it "is the code, close and response_finished for a 101" do
        headers, body = make.call(self, lambda(&:close))
        headers["upgrade"] = "chat"
        client = connect(serve(noting_app(body, status: 101, headers: headers)))
        client.write(request_bytes("GET", "/", headers: { "connection" => "upgrade", "upgrade" => "chat" }))
        expect(client.read_head.status).to eq(101)
        expect(client).to be_eof
        expect(noted(7)).to eq(order)
      end
    end
  end

  it "closes the body of a partial hijack, and does not consume it" do
    headers = { "rack.hijack" => ->(stream) { stream.write("hijacked") && stream.close } }
    response = open_response(serve(noting_app(noting_body(:each), headers: headers)))
    expect(response.rest).to eq("hijacked")
    expect(noted(5)).to eq(%i[application close third second first])
  end

  {
    "nil" => nil, "an Array" => ["ignored"], "a body with call" => ->(_stream) { raise "not to be called" }
  }.each do |name, body|
    it "lets a partial hijack stand before #{name} as the body" do
      headers = { "rack.hijack" => ->(stream) { stream.write("hijacked") && stream.close } }
      expect(open_response(serve { [200, headers.dup, body] }).rest).to eq("hijacked")
    end
  end

  it "prefers each to call" do
    body = Class.new do
      define_method(:each) { |&block| block.call("each") }
      define_method(:call) { |stream| stream.write("call") && stream.close }
    end.new
    expect(open_response(serve { [200, {}, body] }).rest).to eq("each")
  end

  it "prefers a partial hijack to to_path and to_ary" do
    body = Class.new do
      define_method(:to_path) { raise "not to be called" }
      define_method(:to_ary) { raise "not to be called" }
      define_method(:each) { raise "not to be called" }
    end.new
    headers = { "rack.hijack" => ->(stream) { stream.write("hijacked") && stream.close } }
    expect(open_response(serve { [200, headers, body] }).rest).to eq("hijacked")
  end

  it "runs every response_finished, though one and close have raised, and logs both" do
    body = Class.new do
      define_method(:call, &:close)
      define_method(:close) { raise "an error in close" }
    end.new
    server = serve do |env|
      env["rack.response_finished"] << ->(*) { notes << :first }
      env["rack.response_finished"] << ->(*) { raise "an error in response_finished" }
      [200, {}, body]
    end
    expect(open_response(server).rest).to eq("")
    expect(notes.pop).to eq(:first)
    eventually { server.log.include?("an error in close") && server.log.include?("an error in response_finished") }
  end

  describe "when the code raises, the client sees the response as broken:" do
    begun = ->(stream, _env) { stream.write("begun;") && raise("an error of the application") }

    {
      "without the last chunk" => ["HTTP/1.1", {}, {}, false],
      "short of its content-length" => ["HTTP/1.1", { "content-length" => "100" }, {}, false],
      "by a reset, where the end of the connection is the end of the body" => ["HTTP/1.0", {}, {}, true],
      "by a reset, behind a 101" => ["HTTP/1.1", { "rack.protocol" => "chat" }, { "connection" => "upgrade", "upgrade" => "chat" }, true]
    }.each do |name, (version, fields, request, reset)|
      it name do
        server = serve_stream(headers: fields, &begun)
        response = open_response(server, version: version, headers: request)
        expect(response.status).to eq(fields.key?("rack.protocol") ? 101 : 200)
        client.read_until("begun;")
        rest = client.read_to_eof
        expect(rest).not_to include("0\r\n\r\n")
        expect(client.reset?(0)).to be(true) if reset
        eventually { server.log.include?("an error of the application") }
        expect(server.log.scan("an error of the application").size).to eq(1)
      end
    end
  end

  it "answers 500 when the code of an enumerable body raises before its first element" do
    server = serve { [200, {}, Enumerator.new { raise "an error of the application" }] }
    expect(open_response(server).status).to eq(500)
  end

  it "shows an enumerable body as broken that raises behind its first element, which has been sent" do
    server = serve { [200, {}, Enumerator.new { |yielder| (yielder << "begun;") && raise("an error of the application") }] }
    response = open_response(server)
    expect(response.text_until(";")).to eq("begun;")
    expect(response).to be_broken
  end
end
