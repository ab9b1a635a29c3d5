# frozen_string_literal: true

require "spec_helper"
require "support/application/helper"

# RFC 9112 section 6, seen from the application: what it says of the length of its body, and what it then sends.
RSpec.describe "The length that an application gives its body" do
  include ApplicationHelper

  # Size of a body that is a file above the size up to which files are read at once.
  large = 300_000

  # Values that are no length.
  illegal = ["five", "-5", "0x5", "5, 6", "5.0", "", "99999999999999999999999"]

  # A file with these bytes.
  def file(bytes)
    File.join(temporary_folder, "file").tap { |path| File.binwrite(path, bytes) }
  end

  # A body of each kind that holds these bytes: description => how it is made.
  kinds = {
    "an Array" => ->(bytes) { [bytes[0, 2], bytes[2..]] },
    "to_ary" => ->(bytes) { traced_body(to_ary: -> { [bytes[0, 2], bytes[2..]] }, each: -> { raise "each was called" }) },
    "each" => ->(bytes) { traced_body(each: ->(block) { [bytes[0, 2], bytes[2..]].each(&block) }) },
    "a file" => lambda { |bytes|
      path = file(bytes)
      traced_body(to_path: -> { path }, each: -> { raise "each was called" })
    },
    "call" => lambda { |bytes|
      traced_body(call: ->(stream) { [bytes[0, 2], bytes[2..]].each { |part| stream.write(part) } && stream.close })
    }
  }

  # Serves a body of a kind with these header fields; a request for /alive gets an ordinary response.
  def serve_body(kind, bytes, headers)
    serve { |env| env["PATH_INFO"] == "/alive" ? [200, {}, ["alive"]] : [200, headers, instance_exec(bytes, &kind)] }
  end

  kinds.each do |description, kind|
    [5, large].each do |size|
      bytes = ("a".."z").cycle.first(size).join

      it "is kept for #{description} of #{size} bytes" do
        server = serve_body(kind, bytes, { "content-length" => size.to_s })
        client = connect(server).write(request_bytes("GET", "/") + request_bytes("GET", "/alive"))
        response = client.read_response
        expect(response).to have_attributes(status: 200, body: bytes)
        expect(response.headers).to include("content-length" => [size.to_s])
        expect(response.headers).not_to include("transfer-encoding")
        expect(client.read_response.body).to eq("alive")
      end

      it "cuts #{description} of #{size} bytes where it is too small, which is logged, and the connection stays in step" do
        server = serve_body(kind, bytes, { "content-length" => (size - 1).to_s })
        client = connect(server).write(request_bytes("GET", "/") + request_bytes("GET", "/alive"))
        expect(client.read_response.body).to eq(bytes[0...-1])
        expect(client.read_response.body).to eq("alive")
        eventually { server.log.lines.grep(/longer than its content-length/).size == 1 }
      end

      it "breaks #{description} of #{size} bytes off where it is too large, which is logged" do
        server = serve_body(kind, bytes, { "content-length" => (size + 1).to_s })
        client = connect(server).write(request_bytes("GET", "/") + request_bytes("GET", "/alive"))
        expect(client.read_head["content-length"]).to eq((size + 1).to_s)
        expect(client.read_bytes(size)).to eq(bytes)
        expect(client).to be_ended
        eventually { server.log.lines.grep(/shorter than its content-length/).size == 1 }
        expect(get(server, "/alive").body).to eq("alive")
      end
    end

    it "may be 0 for #{description}, of which nothing is sent" do
      server = serve_body(kind, "hello", { "content-length" => "0" })
      client = connect(server).write(request_bytes("GET", "/") + request_bytes("GET", "/alive"))
      expect(client.read_response).to have_attributes(status: 200, body: "")
      expect(client.read_response.body).to eq("alive")
    end

    illegal.each do |value|
      it "is left out for #{description} where it is #{value.inspect}" do
        server = serve_body(kind, "hello", { "content-length" => value })
        client = connect(server).write(request_bytes("GET", "/") + request_bytes("GET", "/alive"))
        expect(client.read_response).to have_attributes(status: 200, body: "hello")
        expect(client.read_response.body).to eq("alive")
        eventually { server.log.include?("content-length") }
      end
    end

    it "is not needed for #{description}" do
      server = serve_body(kind, "hello", {})
      client = connect(server).write(request_bytes("GET", "/") + request_bytes("GET", "/alive"))
      expect(client.read_response).to have_attributes(status: 200, body: "hello")
      expect(client.read_response.body).to eq("alive")
    end

    it "is found out for #{description}, or not known, for a client of HTTP/1.0" do
      server = serve_body(kind, "hello", {})
      client = connect(server).write("GET / HTTP/1.0\r\n\r\n")
      response = client.read_response
      expect(response).to have_attributes(status: 200, body: "hello")
      expect(response.headers).not_to include("transfer-encoding")
      expect(client).to be_eof
    end

    it "may not be known for #{description} that is chunked already, and is not chunked again" do
      server = serve_body(kind, "3\r\nhel\r\n2;extension\r\nlo\r\n0\r\n\r\n", { "transfer-encoding" => "chunked" })
      client = connect(server).write(request_bytes("GET", "/") + request_bytes("GET", "/alive"))
      expect(client.read_response).to have_attributes(status: 200, body: "hello")
      expect(client.read_response.body).to eq("alive")
      expect(connect(server).write("GET / HTTP/1.0\r\n\r\n").read_response).to have_attributes(status: 200, body: "hello")
    end

    it "breaks #{description} off that calls itself chunked and is not" do
      server = serve_body(kind, "hello", { "transfer-encoding" => "chunked" })
      client = connect(server).write(request_bytes("GET", "/"))
      expect { client.read_response }.to raise_error(RawClient::Truncated)
      expect(get(server, "/alive").body).to eq("alive")
    end
  end

  it "may be given twice, the same" do
    server = serve { [200, { "content-length" => %w[5 5] }, ["hello"]] }
    expect(get(server, "/")).to have_attributes(body: "hello", headers: include("content-length" => ["5"]))
  end

  it "is left out where it is given twice and differs" do
    server = serve { [200, { "content-length" => %w[5 6] }, ["hello"]] }
    client = connect(server).write(request_bytes("GET", "/") * 2)
    2.times { expect(client.read_response).to have_attributes(body: "hello") }
  end

  it "is the server's to say for an Array without one" do
    server = serve { [200, {}, %w[hel lo]] }
    expect(get(server, "/").headers).to include("content-length" => ["5"])
  end

  it "counts bytes, not characters" do
    server = serve { [200, {}, ["caf\u00e9"]] }
    expect(get(server, "/")).to have_attributes(headers: include("content-length" => ["5"]), body: "caf\u00e9".b)
  end

  %w[gzip identity deflate].each do |coding|
    it "is not told by a transfer-encoding of #{coding}, which is the server's matter" do
      server = serve { [200, { "transfer-encoding" => coding }, ["hello"]] }
      client = connect(server).write(request_bytes("GET", "/") * 2)
      2.times do
        response = client.read_response
        expect(response.body).to eq("hello")
        expect(response.headers.fetch("transfer-encoding", [])).not_to include(coding)
      end
    end
  end
end
