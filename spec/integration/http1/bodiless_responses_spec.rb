# frozen_string_literal: true

require "spec_helper"

RSpec.describe "Responses without a body (RFC 9110 section 6.4.1)" do
  # A server that answers with this status and body.
  def serve_body(status, headers, body, **settings)
    serve(**settings) { [status, headers, body] }
  end

  describe "to HEAD" do
    it "close the body without consuming it, and keep the connection in step" do
      body = RecordedBody.new(["hello"])
      server = serve_body(200, { "content-type" => "text/plain" }, body)
      client = connect(server).write(request_bytes("HEAD", "/"))
      expect(client.read_response(head: true)).to have_attributes(status: 200)
      expect(client.write(request_bytes("GET", "/")).read_response.body).to eq("hello")
      expect([body.each_calls, body.close_calls]).to eq([1, 2])
    end

    it "keep the application's content-length" do
      server = serve_body(200, { "content-length" => "5" }, ["hello"])
      client = connect(server).write(request_bytes("HEAD", "/") + request_bytes("GET", "/"))
      expect(client.read_response(head: true)["content-length"]).to eq("5")
      expect(client.read_response.body).to eq("hello")
    end

    it "do not run a streaming body" do
      ran = Queue.new
      server = serve_body(200, {}, ->(stream) { (ran << true) && stream.close })
      client = connect(server).write(request_bytes("HEAD", "/"))
      expect(client.read_response(head: true).status).to eq(200)
      expect(client.write(request_bytes("GET", "/")).read_response.status).to eq(200)
      expect(ran.size).to eq(1)
    end

    it "carry no body when they are errors" do
      server = serve { raise "an error of the application" }
      client = connect(server).write(request_bytes("HEAD", "/") * 2)
      2.times { expect(client.read_response(head: true).status).to eq(500) }
      expect(client.received).to eq("")
    end
  end

  [204, 304].each do |status|
    describe "with #{status}" do
      it "close the body without consuming it, and keep the connection in step" do
        body = RecordedBody.new(["hello"])
        server = serve_body(status, {}, body)
        client = connect(server).write(request_bytes("GET", "/") * 2)
        2.times { expect(client.read_response).to have_attributes(status: status, body: nil) }
        expect(client.write(request_bytes("GET", "/")).read_line).to start_with("HTTP/1.1 #{status}")
        eventually { body.close_calls == 3 }
        expect(body.each_calls).to eq(0)
      end

      it "have no transfer-encoding" do
        server = serve_body(status, {}, "hello".each_line)
        expect(get(server, "/").headers).not_to include("transfer-encoding")
      end
    end
  end

  it "have no content-length with 204 (RFC 9110 section 8.6)" do
    server = serve_body(204, { "content-length" => "5" }, ["hello"])
    client = connect(server).write(request_bytes("GET", "/") * 2)
    2.times { expect(client.read_response.headers).not_to include("content-length") }
  end

  it "are whole for the access log, whatever length a 204 announces" do
    server = serve_body(204, { "content-length" => "5" }, ["hello"], access_log: true)
    expect(get(server, "/").status).to eq(204)
    eventually { server.log.match?(%r{"GET / HTTP/1.1" 204 0 }) }
  end

  it "have a content-length of 0 where the body is empty" do
    server = serve_body(200, {}, [])
    client = connect(server).write(request_bytes("GET", "/") * 2)
    2.times { expect(client.read_response).to have_attributes(status: 200, body: "") }
  end
end
