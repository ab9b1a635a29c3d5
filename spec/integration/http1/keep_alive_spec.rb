# frozen_string_literal: true

require "spec_helper"

RSpec.describe "Persistent connections (RFC 9112 section 9.3)" do
  extend RawCases

  # A GET of this version with these field lines.
  def self.get(version, *fields)
    "GET / HTTP/#{version}\r\nHost: example.org\r\n#{fields.map { |field| "#{field}\r\n" }.join}\r\n"
  end

  accepts({
    "HTTP/1.1" => get("1.1"),
    "HTTP/1.1 with Connection: keep-alive" => get("1.1", "Connection: keep-alive"),
    "HTTP/1.1 with an unknown connection option" => get("1.1", "Connection: x"),
    "HTTP/1.0 with Connection: keep-alive" => get("1.0", "Connection: keep-alive"),
    "HTTP/1.0 with Connection: Keep-Alive" => get("1.0", "Connection: Keep-Alive"),
    "HTTP/1.0 with keep-alive in a list" => get("1.0", "Connection: x, keep-alive")
  })

  accepts({
    "HTTP/1.1 with Connection: close" => get("1.1", "Connection: close"),
    "HTTP/1.1 with Connection: Close" => get("1.1", "Connection: Close"),
    "HTTP/1.1 with close in a list" => get("1.1", "Connection: x, close"),
    "HTTP/1.1 with close in a second field" => get("1.1", "Connection: x", "Connection: close"),
    "HTTP/1.1 with close and keep-alive" => get("1.1", "Connection: close, keep-alive"),
    "HTTP/1.0" => get("1.0"),
    "HTTP/1.0 with Connection: close" => get("1.0", "Connection: close")
  }, connection: :closed)

  it "says close to HTTP/1.1 when it closes, and nothing when it does not" do
    server = serve(Recorder.new)
    client = connect(server)
    expect(client.write(self.class.get("1.1")).read_response["connection"]).to be_nil
    expect(client.write(self.class.get("1.1", "Connection: close")).read_response["connection"]).to eq("close")
    expect(client).to be_eof
  end

  it "says keep-alive to HTTP/1.0 when it keeps the connection, and does not when it closes" do
    server = serve(Recorder.new)
    expect(connect(server).write(self.class.get("1.0", "Connection: keep-alive")).read_response["connection"]).to eq("keep-alive")
    expect(connect(server).write(self.class.get("1.0")).read_response["connection"]).to be_nil.or eq("close")
  end

  it "obeys the application's connection: close" do
    server = serve { [200, { "connection" => "close" }, ["ok"]] }
    client = connect(server).write(self.class.get("1.1") + RawCases::PIPELINED)
    expect(client.read_response).to be_closing.and have_attributes(body: "ok")
    expect(client).to be_eof
  end

  it "marks the end of a body of unknown length by closing on HTTP/1.0, where there are no chunks" do
    server = serve { [200, {}, %w[a b c].each] }
    client = connect(server).write(self.class.get("1.0", "Connection: keep-alive"))
    response = client.read_response
    expect(response).to have_attributes(body: "abc")
    expect(response.headers).not_to include("transfer-encoding")
    expect(response["connection"]).not_to eq("keep-alive")
    expect(client).to be_eof
  end

  it "chunks a body of unknown length on HTTP/1.1, and keeps the connection" do
    server = serve { [200, {}, %w[a b c].each] }
    client = connect(server).write(self.class.get("1.1") * 2)
    2.times do
      response = client.read_response
      expect(response).to have_attributes(body: "abc")
      expect(response["transfer-encoding"]).to eq("chunked")
      expect(response.headers).not_to include("content-length")
    end
  end

  it "announces the length of an Array body" do
    server = serve { [200, {}, %w[a bc]] }
    response = get(server, "/")
    expect(response["content-length"]).to eq("3")
    expect(response.headers).not_to include("transfer-encoding")
  end

  it "sends a Date (RFC 9110 section 6.6.1), and the application's where it has one" do
    own = "Tue, 15 Nov 1994 08:12:31 GMT"
    server = serve { |env| [200, env["PATH_INFO"] == "/own" ? { "date" => own } : {}, ["ok"]] }
    date = get(server, "/").headers["date"]
    expect(date).to match([/\A[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\z/])
    expect(get(server, "/own").headers["date"]).to eq([own])
  end
end
