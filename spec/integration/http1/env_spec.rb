# frozen_string_literal: true

require "spec_helper"
require "rack/lint"

RSpec.describe "env" do
  extend RawCases

  # A GET with these field lines.
  def self.with(*fields, host: "example.org")
    "GET /path HTTP/1.1\r\nHost: #{host}\r\n#{fields.map { |field| "#{field}\r\n" }.join}\r\n"
  end

  # The env that the application gets for these bytes.
  def env_of(bytes, **settings)
    app = Recorder.new
    @server = serve(app, **settings)
    @client = connect(@server).write(bytes)
    expect(@client.read_response.status).to eq(200)
    app.calls.first.env
  end

  accepts({
    "a whole request: every key that has a plain value" =>
      ["POST /a/b?c=d HTTP/1.1\r\nHost: example.org:8080\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n" \
       "Accept: */*\r\nUser-Agent: spec\r\nCookie: a=b\r\nX-One: 1\r\n\r\nhello",
       { "REQUEST_METHOD" => "POST", "SCRIPT_NAME" => "", "PATH_INFO" => "/a/b", "QUERY_STRING" => "c=d",
         "REQUEST_PATH" => "/a/b", "REQUEST_URI" => "/a/b?c=d", "SERVER_NAME" => "example.org", "SERVER_PORT" => "8080",
         "SERVER_PROTOCOL" => "HTTP/1.1", "HTTP_VERSION" => "HTTP/1.1", "rack.url_scheme" => "http", "HTTPS" => nil,
         "REMOTE_ADDR" => "127.0.0.1", "CONTENT_TYPE" => "text/plain", "CONTENT_LENGTH" => "5", "HTTP_HOST" => "example.org:8080",
         "HTTP_ACCEPT" => "*/*", "HTTP_USER_AGENT" => "spec", "HTTP_COOKIE" => "a=b", "HTTP_X_ONE" => "1",
         "HTTP_CONTENT_TYPE" => nil, "HTTP_CONTENT_LENGTH" => nil, body: "hello" }],
    "repeated fields, joined (RFC 9110 section 5.3)" =>
      [with("X: a", "Y: 1", "x: b", "X: c"), { "HTTP_X" => "a, b, c", "HTTP_Y" => "1" }],
    "repeated cookies, joined by a semicolon" => [with("Cookie: a=b", "Cookie: c=d"), { "HTTP_COOKIE" => "a=b; c=d" }],
    "no Upgrade" => [with, { "rack.protocol" => nil, "HTTP_UPGRADE" => nil, "HTTP_CONNECTION" => nil }],
    "an Upgrade" =>
      [with("Connection: Upgrade", "Upgrade: websocket"),
       { "rack.protocol" => ["websocket"], "HTTP_UPGRADE" => "websocket", "HTTP_CONNECTION" => "Upgrade" }],
    "several protocols to upgrade to" =>
      [with("Connection: keep-alive, Upgrade", "Upgrade: a/1, b"),
       { "rack.protocol" => ["a/1", "b"], "HTTP_UPGRADE" => "a/1, b", "HTTP_CONNECTION" => "keep-alive, Upgrade" }],
    "forwarded addresses, unchanged" =>
      [with("X-Forwarded-For: 192.0.2.1, 192.0.2.2", "Forwarded: for=192.0.2.1", "X-Forwarded-Host: a.example"),
       { "HTTP_X_FORWARDED_FOR" => "192.0.2.1, 192.0.2.2", "HTTP_FORWARDED" => "for=192.0.2.1",
         "HTTP_X_FORWARDED_HOST" => "a.example", "REMOTE_ADDR" => "127.0.0.1", "SERVER_NAME" => "example.org" }],
    "a scheme from a trusted peer" =>
      [with("X-Forwarded-Proto: https"),
       { "HTTP_X_FORWARDED_PROTO" => "https", "rack.url_scheme" => "https", "HTTPS" => "on", "SERVER_PORT" => "443" }],
    "a scheme from a trusted peer beside a port in Host, which stays" =>
      [with("X-Forwarded-Proto: https", host: "example.org:8443"), { "rack.url_scheme" => "https", "SERVER_PORT" => "8443" }],
    "a scheme for each of several proxies, of which the first counts" =>
      [with("X-Forwarded-Proto: https, http"), { "rack.url_scheme" => "https", "HTTPS" => "on" }],
    "the scheme http from a trusted peer" =>
      [with("X-Forwarded-Proto: http"), { "rack.url_scheme" => "http", "HTTPS" => nil, "SERVER_PORT" => "80" }],
    "a scheme that is none" => [with("X-Forwarded-Proto: gopher"), { "rack.url_scheme" => "http", "HTTPS" => nil }]
  })

  accepts({
    "a scheme from a peer that is not trusted: it is passed on and has no effect" =>
      [with("X-Forwarded-Proto: https"),
       { "HTTP_X_FORWARDED_PROTO" => "https", "rack.url_scheme" => "http", "HTTPS" => nil, "SERVER_PORT" => "80" }]
  }, trusted_proxies: [])

  accepts({
    "HTTP/1.0" =>
      ["GET / HTTP/1.0\r\nHost: example.org\r\n\r\n", { "SERVER_PROTOCOL" => "HTTP/1.0", "HTTP_VERSION" => "HTTP/1.0" }]
  }, connection: :closed)

  it "has Strings for keys, Strings for the values of keys without a dot, and binary ones where they are not ASCII" do
    env = env_of(self.class.with("X: \xE9", "Y: plain"))
    plain = env.reject { |name, _| name.include?(".") }
    expect(env.keys).to all(be_an_instance_of(String))
    expect(plain.values).to all(be_an_instance_of(String))
    expect(plain.values.reject(&:ascii_only?).map(&:encoding)).to eq([Encoding::BINARY])
  end

  it "has a String of its own for each key that says the path, which may be changed in place" do
    server = serve do |env|
      env["PATH_INFO"].sub!("path", "info")
      env["REQUEST_PATH"].upcase!
      env["REQUEST_URI"] << "#uri"
      [200, {}, [env.values_at("PATH_INFO", "REQUEST_PATH", "REQUEST_URI").join(" ")]]
    end
    expect(connect(server).write(self.class.with).read_response.body).to eq("/info /PATH /path#uri")
  end

  it "has the client's port" do
    expect(env_of(self.class.with)["REMOTE_PORT"]).to eq(@client.socket.local_address.ip_port.to_s)
  end

  # What requests of one host, scheme and client share is kept from one to the next.
  it "says of each request what is its own, however the ones before on the same connection differ" do
    server = serve { |env| [200, {}, [env.values_at("SERVER_NAME", "SERVER_PORT", "rack.url_scheme", "HTTPS").join(" ")]] }
    client = connect(server)
    requests = {
      self.class.with => "example.org 80 http ",
      self.class.with("X-Forwarded-Proto: https") => "example.org 443 https on",
      self.class.with(host: "b.example:81") => "b.example 81 http ",
      self.class.with("X-Forwarded-Proto: https", host: "b.example:81") => "b.example 81 https on",
      "GET / HTTP/1.0\r\nHost: example.org\r\nConnection: keep-alive\r\n\r\n" => "example.org 80 http "
    }
    orders = [requests.keys, requests.keys.reverse, requests.keys.flat_map { |bytes| [bytes] * 3 }]
    orders.flatten.each { |bytes| expect(client.write(bytes).read_response.body).to eq(requests.fetch(bytes)) }
  end

  it "says of each client what is its own, also where one has the port of another" do
    server = serve(proxy_protocol: true) { |env| [200, {}, [env.values_at("SERVER_NAME", "REMOTE_ADDR", "REMOTE_PORT").join(" ")]] }
    clients = ["192.0.2.1 40000", "192.0.2.2 40000", "192.0.2.1 40001", "127.0.0.1 40000"].to_h do |address|
      [connect(server, preamble: "PROXY TCP4 #{address.sub(" ", " 192.0.2.9 ")} 80\r\n"), address]
    end
    turns = clients.keys.product(%w[example.org b.example])
    # One host behind another of a client, and one client behind another of a host.
    runs = [turns, turns.sort_by(&:last)].map { |order| order.flat_map { |turn| [turn] * 3 } }
    [*turns, *turns, *runs.flatten(1)].each do |client, host|
      response = client.write(self.class.with(host: host)).read_response
      expect(response.body).to eq("#{host} #{clients.fetch(client)}")
    end
  end

  it "names the server" do
    expect(env_of(self.class.with)["SERVER_SOFTWARE"]).to match(/penstock/i)
  end

  it "has an input also where there is no body" do
    input = nil
    server = serve do |env|
      input = [env["rack.input"].read, env["rack.input"].read(1), env["rack.input"].gets]
      [200, {}, ["ok"]]
    end
    expect(get(server, "/").status).to eq(200)
    expect(input).to eq(["", nil, nil])
  end

  it "has an error stream, whose text is in the log" do
    server = serve do |env|
      env["rack.errors"].puts("a line of the application")
      env["rack.errors"].write("and ", "more")
      env["rack.errors"].flush
      [200, {}, ["ok"]]
    end
    expect(get(server, "/").status).to eq(200)
    eventually { server.log.match?(/a line of the application\n.*and more/m) }
  end

  it "offers hijacking, callables for the end, the stream and the time in the queue" do
    env = env_of(self.class.with)
    expect(env).to include(
      "rack.hijack?" => true, "rack.hijack" => respond_to(:call),
      "rack.response_finished" => be_an(Array), "penstock.stream" => be(env["rack.hijack"]), "penstock.queue_time" => be_a(Float)
    )
  end

  # ActionCable, faye-websocket, Sinatra and MessageBus take another path through their code when they see these.
  it "has no key of event-driven servers" do
    expect(env_of(self.class.with)).not_to include("async.callback", "stream.send", "em.connection")
  end

  it "is a new Hash for every request, unfrozen, and keeps its values when the application keeps it" do
    envs = Queue.new
    server = serve do |env|
      env["spec.mark"] = env["PATH_INFO"]
      envs << env
      [200, {}, ["ok"]]
    end
    client = connect(server)
    %w[/1 /2 /3].each { |path| expect(client.write(request_bytes("GET", path)).read_response.status).to eq(200) }
    kept = Array.new(3) { envs.pop }
    expect(kept.map(&:object_id).uniq.size).to eq(3)
    expect(kept.map { |env| env.values_at("PATH_INFO", "spec.mark") }).to eq([%w[/1 /1], %w[/2 /2], %w[/3 /3]])
    expect(kept).to all(be_an_instance_of(Hash))
  end

  it "shares nothing that can be changed" do
    envs = Queue.new
    server = serve do |env|
      envs << env
      [200, {}, []]
    end
    2.times { get(server, "/") }
    first, second = Array.new(2) { envs.pop }
    shared = first.select { |key, value| value.equal?(second[key]) }
    expect(shared.values.grep(String) + shared.values.grep(Array)).to all(be_frozen)
    expect(shared.keys).to include("SERVER_SOFTWARE", "SERVER_NAME", "SERVER_PORT")
  end

  describe "under Rack::Lint" do
    {
      "GET" => "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n",
      "GET with a query" => "GET /a?b=c HTTP/1.1\r\nHost: example.org\r\n\r\n",
      "GET of an absolute target" => "GET http://example.org/a HTTP/1.1\r\nHost: example.org\r\n\r\n",
      "GET on HTTP/1.0" => "GET / HTTP/1.0\r\n\r\n",
      "GET from an IPv6 Host" => "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
      "OPTIONS *" => "OPTIONS * HTTP/1.1\r\nHost: example.org\r\n\r\n",
      "POST" => "POST / HTTP/1.1\r\nHost: example.org\r\nContent-Length: 5\r\n\r\nhello",
      "POST in chunks" => "POST / HTTP/1.1\r\nHost: example.org\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
      "POST that waits for 100" =>
        "POST / HTTP/1.1\r\nHost: example.org\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
      "an upgrade" => "GET / HTTP/1.1\r\nHost: example.org\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
      "obs-text" => "GET / HTTP/1.1\r\nHost: example.org\r\nX: \xE9\r\n\r\n",
      "X-Forwarded-Proto" => "GET / HTTP/1.1\r\nHost: example.org\r\nX-Forwarded-Proto: https\r\n\r\n"
    }.each do |description, bytes|
      # Lint wants a PATH_INFO with a slash until Rack 3.1.
      it "passes with #{description}", rack: description == "OPTIONS *" ? ">= 3.1" : ">= 2.2" do
        server = serve(Rack::Lint.new(Recorder.new))
        response = connect(server).write(bytes).read_final_response
        expect([response.status, server.log[/Rack::Lint::LintError.*/]]).to eq([200, nil])
      end
    end
  end
end
