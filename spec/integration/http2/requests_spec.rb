# frozen_string_literal: true

require "spec_helper"

RSpec.describe "HTTP/2 requests" do
  # What env says, as one line for each key.
  def show(*keys)
    ->(env) { [200, {}, [keys.map { |key| "#{key}=#{env[key].inspect}" }.join("\n")]] }
  end

  it "are served beside those of HTTP/1.1 at one place" do
    server = serve { |env| [200, { "x-protocol" => env["SERVER_PROTOCOL"] }, [env["PATH_INFO"]]] }
    client = connect_http2(server)
    responses = %w[/one /two].map { |path| client.request("GET", path) }
    expect(responses.map { |response| [response.status, response["x-protocol"], response.body] })
      .to eq([[200, "HTTP/2", "/one"], [200, "HTTP/2", "/two"]])
    expect(get(server, "/three").then { |response| [response["x-protocol"], response.body] }).to eq(["HTTP/1.1", "/three"])
  end

  it "are those of HTTP/1.1 to the application, but for the name of the protocol" do
    keys = %w[REQUEST_METHOD SCRIPT_NAME PATH_INFO QUERY_STRING REQUEST_PATH REQUEST_URI SERVER_PROTOCOL HTTP_HOST SERVER_NAME
              SERVER_PORT rack.url_scheme HTTP_PRIORITY REMOTE_ADDR rack.hijack? rack.protocol]
    response = connect_http2(serve(show(*keys))).request("GET", "/a/b?c=d", headers: { "priority" => "u=1", "version" => "9" })
    expect(response.body).to eq(<<~TEXT.chomp)
      REQUEST_METHOD="GET"
      SCRIPT_NAME=""
      PATH_INFO="/a/b"
      QUERY_STRING="c=d"
      REQUEST_PATH="/a/b"
      REQUEST_URI="/a/b?c=d"
      SERVER_PROTOCOL="HTTP/2"
      HTTP_HOST="example.org"
      SERVER_NAME="example.org"
      SERVER_PORT="80"
      rack.url_scheme="http"
      HTTP_PRIORITY="u=1"
      REMOTE_ADDR="127.0.0.1"
      rack.hijack?=true
      rack.protocol=nil
    TEXT
  end

  # MessageBus streams where it is HTTP/1.1; Lint of Rack 3.0 wants it to be SERVER_PROTOCOL, if it is there (contract, rule 33).
  it "have HTTP_VERSION as MessageBus wants it, or none with Rack 3.0" do
    server = serve(show("HTTP_VERSION"))
    expected = Rack.release.start_with?("3.0.") ? "nil" : '"HTTP/1.1"'
    expect(connect_http2(server).request("GET", "/", headers: { "version" => "9" }).body).to eq("HTTP_VERSION=#{expected}")
    expect(get(server, "/", "version" => "9").body).to eq('HTTP_VERSION="HTTP/1.1"')
  end

  it "take Host where there is no :authority, and not where there is one" do
    client = connect_http2(serve(show("HTTP_HOST")))
    hosts = [{ ":authority" => "a.example:8080", "host" => "b.example" }, { ":authority" => nil, "host" => "b.example" }]
    expect(hosts.map { |headers| client.request("GET", "/", headers: headers).body })
      .to eq(%w[HTTP_HOST="a.example:8080" HTTP_HOST="b.example"])
  end

  it "may be for no resource at all: OPTIONS *" do
    client = connect_http2(serve(show("REQUEST_METHOD", "PATH_INFO", "REQUEST_URI")))
    response = client.request("OPTIONS", "*")
    expect([response.status, response.body]).to eq([200, %(REQUEST_METHOD="OPTIONS"\nPATH_INFO="*"\nREQUEST_URI="*")])
  end

  it "have their cookie crumbs joined, and other repeated fields too" do
    client = connect_http2(serve(show("HTTP_COOKIE", "HTTP_X_LIST")))
    response = client.request("GET", "/", headers: { "cookie" => %w[a=1 b=2 c=3], "x-list" => %w[1 2] })
    expect(response.body).to eq("HTTP_COOKIE=\"a=1; b=2; c=3\"\nHTTP_X_LIST=\"1, 2\"")
  end

  it "leave fields with underscores out" do
    client = connect_http2(serve(show("HTTP_X_FORWARDED_FOR")))
    expect(client.request("GET", "/", headers: { "x_forwarded_for" => "1" }).body).to eq("HTTP_X_FORWARDED_FOR=nil")
  end

  it "may have 100 fields, of which the crumbs of a cookie are one" do
    client = connect_http2(serve { [200, {}, ["ok"]] })
    fields = (1..99).to_h { |number| ["x-#{number}", "1"] }.merge("cookie" => ["a=1"] * 50)
    expect(client.request("GET", "/", headers: fields).status).to eq(200)
    expect(client.request("GET", "/", headers: fields.merge("x-100" => "1")).status).to eq(431)
  end

  describe "with a body" do
    let(:echo) do
      lambda do |env|
        body = env["rack.input"].read
        [200, { "x-length" => env["CONTENT_LENGTH"].to_s, "x-coding" => env["HTTP_TRANSFER_ENCODING"].to_s }, [body]]
      end
    end

    def facts(response) = [response.status, response["x-length"], response["x-coding"], response.body.bytesize]

    it "are called with all of it where its length is known" do
      client = connect_http2(serve(echo))
      [3, 200_000, 3_000_000].each do |length|
        response = client.request("POST", "/", headers: { "content-length" => length.to_s }, body: "a" * length)
        expect(facts(response)).to eq([200, length.to_s, "", length])
      end
    end

    it "are called at the head where it is not, with the body as it comes" do
      client = connect_http2(serve(echo))
      expect(facts(client.request("POST", "/", body: "abc"))).to eq([200, "", "chunked", 3])
      server = serve { [200, {}, ->(stream) { stream.write(stream.read(3)) && stream.close }] }
      response = connect_http2(server).request("POST", "/", body: "one", ended: false)
      expect(response.text_until("one")).to eq("one")
    end

    it "are refused where it is longer than max_body_bytes, and the connection goes on" do
      client = connect_http2(serve(echo, max_body_bytes: 1000))
      response = client.request("POST", "/", headers: { "content-length" => "1001" }, ended: false)
      expect(response.status).to eq(413)
      expect(response.reset_code).to eq(:no_error)
      expect(client.request("POST", "/", headers: { "content-length" => "3" }, body: "abc").status).to eq(200)
    end

    it "that is longer or shorter than announced are a protocol error of the stream" do
      client = connect_http2(serve(echo))
      expect(client.request("POST", "/", headers: { "content-length" => "3" }, body: "abcd").reset_code).to eq(:protocol_error)
      expect(client.request("POST", "/", headers: { "content-length" => "3" }, body: "ab").reset_code).to eq(:protocol_error)
      expect(client.request("GET", "/").status).to eq(200)
    end

    it "give their trailers to the application" do
      server = serve { |env| env["rack.input"].read && [200, {}, [env["penstock.trailers"].inspect]] }
      stream = connect_http2(server).request("POST", "/", body: "abc", ended: false)
      stream.send_head([%w[x-sum 7], %w[content-length 9], %w[host a.example], %w[authorization Basic], %w[cookie a=1], %w[x_sum 8]])
      expect(stream.body).to eq({ "x-sum" => "7" }.inspect)
    end

    it "are broken where a trailer has white space at its edges" do
      server = serve { |env| [200, {}, [env["rack.input"].read]] }
      client = connect_http2(server)
      [" 7", "7\t"].each do |value|
        stream = client.request("POST", "/", body: "abc", ended: false)
        stream.send_head([["x-sum", value]])
        expect(stream.status).to eq(400)
      end
    end

    it "give no pseudo-header field of its trailers to anybody" do
      server = serve { |env| env["rack.input"].read && [200, {}, [env["penstock.trailers"].inspect, env["REQUEST_METHOD"]]] }
      stream = connect_http2(server).request("POST", "/", body: "abc", ended: false)
      stream.send_head([[":method", "DELETE"], %w[x-sum 7]])
      expect(stream.body).to eq("#{{ "x-sum" => "7" }.inspect}POST")
    end

    it "ask for it by a 100 when the application reads, and not before" do
      read = Latch.new
      server = serve do |env|
        read.wait
        [200, {}, [env["rack.input"].read]]
      end
      client = connect_http2(server)
      stream = client.request("POST", "/", headers: { "expect" => "100-continue", "content-length" => "3" }, ended: false)
      client.round_trip
      expect(stream.interim).to eq([])
      read.open
      client.wait_for("a 100") { stream.interim.any? }
      expect(stream.interim.map(&:first)).to eq([100])
      stream.write("abc", ended: true)
      expect([stream.status, stream.body]).to eq([200, "abc"])
    end

    it "are answered 408 where it comes too late" do
      client = connect_http2(serve(echo, body_timeout: 0.2))
      stream = client.request("POST", "/", headers: { "content-length" => "3" }, body: "a", ended: false)
      expect(stream.status).to eq(408)
      late = client.request("POST", "/", body: "a", ended: false)
      expect(late.status).to eq(408)
    end

    it "may come slowly, as long as something comes" do
      client = connect_http2(serve(echo, body_timeout: 1))
      slow, stuck = Array.new(2) { client.request("POST", "/", headers: { "content-length" => "50000" }, ended: false) }
      sent = 0
      # Until the time-out has struck where nothing comes.
      until stuck.over?
        slow.write("a")
        sent += 1
        client.round_trip
      end
      expect(stuck.status).to eq(408)
      slow.write("a" * (50_000 - sent), ended: true)
      expect(facts(slow)).to eq([200, "50000", "", 50_000])
    end

    it "break where the client resets the stream in the middle of it" do
      errors = Queue.new
      begun = Latch.new
      server = serve do |env|
        begun.open
        env["rack.input"].read
      rescue StandardError => e
        errors << e
        raise
      end
      client = connect_http2(server)
      stream = client.request("POST", "/", body: "abc", ended: false)
      begun.wait
      stream.reset
      expect(errors.pop).to be_a(EOFError)
    end
  end

  # Robustness, line 13. :stream is a RST_STREAM, and the connection goes on; :connection is a GOAWAY.
  {
    "neither :authority nor host" => [{ ":authority" => nil }, 400],
    "user information" => [{ ":authority" => "user@example.org" }, 400],
    "an empty :authority" => [{ ":authority" => "" }, :stream],
    "an odd scheme" => [{ ":scheme" => "ftp" }, 400],
    "no scheme" => [{ ":scheme" => nil }, :stream],
    "* as its path" => [{ ":path" => "*" }, 400],
    "no path" => [{ ":path" => nil }, :stream],
    "an empty path" => [{ ":path" => "" }, :stream],
    "a path without a slash" => [{ ":path" => "a" }, :stream],
    "white space before a value" => [{ "x-name" => " value" }, 400],
    "white space behind a value" => [{ "x-name" => "value " }, 400],
    "a tab before a value" => [{ "x-name" => "\tvalue" }, 400],
    "a tab behind a value" => [{ "x-name" => "value\t" }, 400],
    "connection" => [{ "connection" => "close" }, :stream],
    "keep-alive" => [{ "keep-alive" => "5" }, :stream],
    "transfer-encoding" => [{ "transfer-encoding" => "chunked" }, :stream],
    "upgrade" => [{ "upgrade" => "h2c" }, :stream],
    "te: gzip" => [{ "te" => "gzip" }, :stream],
    "te: trailers" => [{ "te" => "trailers" }, 200],
    "two paths" => [{ ":path" => %w[/ /] }, :stream],
    "a pseudo-header field that nobody knows" => [{ ":name" => "value" }, :connection],
    "a pseudo-header field of responses" => [{ ":status" => "200" }, :stream],
    "an upper-case name" => [{ "X-Name" => "value" }, :connection],
    "an unknown method" => [{ ":method" => "BREW" }, 501],
    "a plain CONNECT" => [{ ":method" => "CONNECT", ":path" => nil, ":scheme" => nil }, 501],
    "an extended CONNECT for what nobody knows" => [{ ":method" => "CONNECT", ":protocol" => "webtransport" }, 501],
    ":protocol without CONNECT" => [{ ":protocol" => "websocket" }, :stream],
    "a long path" => [{ ":path" => "/#{"a" * 8192}" }, 414]
  }.each do |name, (headers, expected)|
    it "with #{name} get #{expected}" do
      called = []
      client = connect_http2(serve { |env| called.push(env) && [200, {}, ["ok"]] })
      response = client.request("GET", "/", headers: headers)
      case expected
      when :connection then expect(client.wait_goaway).to eq(:protocol_error)
      when :stream then expect(response.reset_code).to eq(:protocol_error)
      else expect(response.status).to eq(expected)
      end
      expect(called.size).to eq(expected == 200 ? 1 : 0)
      expect(client.request("GET", "/").status).to eq(200) unless expected == :connection
    end
  end

  it "with a head that is too large get 431, and the connection goes on" do
    client = connect_http2(serve(max_header_bytes: 10_000) { [200, {}, ["ok"]] })
    expect(client.request("GET", "/", headers: { "x-large" => "a" * 9_990 }).status).to eq(431)
    expect(client.request("GET", "/", headers: { "x-larger" => "a" * 30_000 }).status).to eq(431)
    expect(client.request("GET", "/").status).to eq(200)
  end
end
