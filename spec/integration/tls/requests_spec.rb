# frozen_string_literal: true

require "spec_helper"
require "support/streaming/examples"

RSpec.describe "HTTP/1.1 over TLS" do
  include OverTls

  # What env says, as one line for each key.
  def show(*keys)
    ->(env) { [200, {}, [keys.map { |key| "#{key}=#{env[key]}" }.join("\n")]] }
  end

  it "serves requests, one behind the other" do
    server = serve { |env| [200, {}, [env["PATH_INFO"]]] }
    expect(server.url).to start_with("https://127.0.0.1:")
    client = connect(server)
    %w[/one /two].each do |path|
      expect(client.write(request_bytes("GET", path)).read_response.body).to eq(path)
    end
    client.write(request_bytes("GET", "/three") + request_bytes("GET", "/four"))
    expect(Array.new(2) { client.read_response.body }).to eq(%w[/three /four])
  end

  it "says so in env: the scheme, HTTPS, and the port where the Host has none" do
    server = serve(show("rack.url_scheme", "HTTPS", "SERVER_NAME", "SERVER_PORT", "HTTP_HOST"))
    expect(get(server, "/").body).to eq("rack.url_scheme=https\nHTTPS=on\nSERVER_NAME=example.org\nSERVER_PORT=443\nHTTP_HOST=example.org")
    expect(get(server, "/", "host" => "example.org:8443").body).to include("SERVER_PORT=8443")
    plain = serve(show("HTTPS", "rack.url_scheme"), bind: ServerHelper::ANY_PORT)
    expect(get(plain, "/").body).to eq("HTTPS=\nrack.url_scheme=http")
  end

  it "takes bodies and sends them, of any length" do
    server = serve { |env| [200, {}, [env["rack.input"].read]] }
    [10, 200_000, 3_000_000].each do |length|
      body = "abcdefghij" * (length / 10)
      expect(request(server, "POST", "/", body: body).body == body).to be(true)
    end
  end

  it "sends all of a large response through the small window of a client, and then goes on" do
    server = serve { |env| [200, {}, env["PATH_INFO"] == "/" ? ["a" * 5_000_000] : ["next"]] }
    client = connect(server, receive_buffer: 4096).write(request_bytes("GET", "/"))
    expect(client.read_head.status).to eq(200)
    expect(client.read_bytes(5_000_000).count("a")).to eq(5_000_000)
    expect(client.write(request_bytes("GET", "/next")).read_response.body).to eq("next")
  end

  it "gives up a client that takes nothing, with what is left in TLS's own buffer" do
    finished = Queue.new
    server = serve(write_timeout: 0.3) do |env|
      env["rack.response_finished"] << ->(*, error) { finished << error }
      [200, {}, ->(stream) { loop { stream.write("a" * 10_000) } }]
    end
    client = connect(server, receive_buffer: 4096).write(request_bytes("GET", "/"))
    expect(client.read_head.status).to eq(200)
    expect(finished.pop).to be_a(SystemCallError)
  end

  it "ends with close_notify, and breaks off without it" do
    server = serve do |env|
      next [200, { "connection" => "close" }, ["whole"]] if env["PATH_INFO"] == "/whole"

      [200, {}, ->(stream) { stream.write("begun") && raise("broken") }]
    end
    client = connect(server).write(request_bytes("GET", "/whole"))
    expect(client.read_response.body).to eq("whole")
    expect(client).to be_eof
    client = connect(server).write(request_bytes("GET", "/broken"))
    client.read_until("begun")
    client.read_to_eof
    expect(client).not_to be_eof(0)
  end

  it "closes an idle connection with close_notify" do
    server = serve(keep_alive_timeout: 0.1) { [200, {}, ["ok"]] }
    client = connect(server).write(request_bytes("GET", "/"))
    expect(client.read_response.body).to eq("ok")
    expect(client).to be_eof
  end

  it "takes close_notify for a half close: the response is still sent" do
    latch = Latch.new
    server = serve { latch.wait && [200, {}, ["late"]] }
    client = connect(server).write(request_bytes("GET", "/"))
    client.close_write
    latch.open
    expect(client.read_response.body).to eq("late")
  end

  it "gives the application an error for a body whose connection ends without close_notify" do
    errors = Queue.new
    begun = Latch.new
    server = serve do |env|
      env["rack.input"].read(5)
      begun.open
      env["rack.input"].read
    rescue StandardError => e
      errors << e
      raise
    end
    client = connect(server).write(request_bytes("POST", "/", headers: { "transfer-encoding" => "chunked" }))
    client.write("5\r\nhello\r\n")
    begun.wait
    client.socket.close_wire
    expect(errors.pop).to be_a(EOFError).or be_a(Errno::ECONNRESET)
  end

  StreamingForms::ALL.each_key do |form|
    describe "streams with #{form}", rack: StreamingForms.rack(form) do
      it_behaves_like "a streaming response", form
      it_behaves_like "a streaming response on HTTP/1.0", form
    end
  end
end
