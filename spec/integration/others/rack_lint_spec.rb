# frozen_string_literal: true

require "spec_helper"
require "rack"
require "rack/lint"
require "support/bodies/examples"
require "support/message_bus/helper"

# Rack::Lint raises where the server or the application breaks Rack's specification: the client would see 500.
RSpec.describe "Rack::Lint around everything" do
  include BodiesHelper
  include MessageBusHelper

  def wrap(app)
    Rack::Lint.new(app)
  end

  # Lint of Rack 2 knows no body with `call`, and hides a stream's `<<`.
  describe "every kind of body", rack: ">= 3.0" do
    it_behaves_like "a middleware that passes every kind of body"
  end

  it "passes every kind of body through the usual middleware", rack: ">= 3.0" do
    usual = [Rack::ETag, Rack::Lock, Rack::Runtime, Rack::ContentLength, Rack::Head, Rack::ConditionalGet]
    @served = serve(wrap(usual.reduce(inner) { |app, middleware| middleware.new(app) }))
    EveryBody::WHOLE.each { |path| expect(live(path).rest).to eq(EveryBody::TEXT) }
    inner.go_on
    EveryBody::WAITING.each { |path| expect(live(path).rest).to eq(EveryBody::TEXT) }
  end

  describe "a request" do
    # Answers with what it read, so that Lint's wrapper of the input is used too.
    def served
      @served ||= serve(wrap(->(env) { [200, { "content-type" => "text/plain" }, [env["rack.input"].read]] }))
    end

    {
      "with a query" => "GET /a/b?c=d&e HTTP/1.1\r\nhost: example.org\r\n\r\n",
      "for *" => "OPTIONS * HTTP/1.1\r\nhost: example.org\r\n\r\n",
      "with an absolute target" => "GET http://example.org/a HTTP/1.1\r\nhost: other.example\r\n\r\n",
      "to an IPv6 address" => "GET / HTTP/1.1\r\nhost: [::1]:9292\r\n\r\n",
      "of HTTP/1.0 without a host" => "GET / HTTP/1.0\r\n\r\n",
      "with other than ASCII" => "GET /%C3%A9 HTTP/1.1\r\nhost: example.org\r\nx-name: caf\u00e9\r\n\r\n",
      "with a field twice" => "GET / HTTP/1.1\r\nhost: example.org\r\nx-a: 1\r\nx-a: 2\r\n\r\n",
      "to upgrade" => "GET / HTTP/1.1\r\nhost: example.org\r\nconnection: upgrade\r\nupgrade: websocket, other\r\n\r\n",
      "with a body" => "POST / HTTP/1.1\r\nhost: example.org\r\ncontent-type: text/plain\r\ncontent-length: 4\r\n\r\nbody",
      "with a chunked body" => "POST / HTTP/1.1\r\nhost: example.org\r\ntransfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
      "with an empty body" => "PUT / HTTP/1.1\r\nhost: example.org\r\ncontent-length: 0\r\n\r\n"
    }.each do |name, bytes|
      # Lint wants a PATH_INFO with a slash until Rack 3.1.
      it "#{name} gives Lint nothing to complain of", rack: name == "for *" ? ">= 3.1" : ">= 2.2" do
        expect(connect(served).write(bytes).read_response).to have_attributes(status: 200, body: bytes[/\bbody\b(?=\z|\r)/].to_s)
      end
    end
  end

  it "leaves a streaming body its eight methods, in both directions", rack: ">= 3.0" do
    echo = lambda do |stream|
      while (bytes = stream.read(4))
        stream << bytes.upcase
        stream.flush
      end
      stream.close_read
      stream.write(stream.closed?.to_s)
      stream.close_write
      stream.close
    end
    served = serve(wrap(->(_env) { [200, { "content-type" => "text/plain" }, echo] }))
    client = connect(served).write(request_bytes("POST", "/", headers: { "transfer-encoding" => "chunked" }))
    response = LiveResponse.new(client.write("4\r\nfour\r\n"))
    expect(response.text_until("FOUR")).to eq("FOUR")
    client.write("4\r\nmore\r\n")
    expect(response.text_until("MORE")).to eq("MORE")
    client.write("0\r\n\r\n")
    expect(response.rest).to eq("false")
  end

  # Lint of Rack 2 hides `to_ary`, and with it the length that this client of MessageBus reads.
  it "has nothing to complain of in MessageBus' polls, held or not", rack: ">= 3.0" do
    app = serve_bus(wrap: method(:wrap))
    poll = open_poll(app, { "/news" => -1 })
    app.bus.publish("/news", "one")
    expect(data_of(poll.messages)).to eq(%w[one])
    expect(data_of(poll({ "/news" => 0 }, stream: false).whole)).to eq(%w[one])
    expect(bus_server.log).not_to include("LintError")
  end
end
