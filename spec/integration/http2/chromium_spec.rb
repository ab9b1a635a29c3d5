# frozen_string_literal: true

require "bundler"
require "spec_helper"
require "support/chat/browser"
require "support/chat/tab"

# A browser with an encrypted connection: what its own records say of the protocol.
RSpec.describe "Chromium over HTTP/2" do
  before(:context) { @browser = Chat::Browser.start(flags: { "ignore-certificate-errors" => nil }) }
  after(:context) { @browser&.quit }
  after { @browser.reset }

  let(:certificates) { Certificates.new(temporary_folder) }
  let(:place) { certificates.bind(certificates.issue("server")) }

  # DevTools' Resource Timing of a page.
  def protocols(page)
    page.evaluate(<<~JS)
      Object.fromEntries(performance.getEntries().filter((entry) => entry.nextHopProtocol !== undefined)
        .map((entry) => [new URL(entry.name).pathname, entry.nextHopProtocol]))
    JS
  end

  # The chat of the example, encrypted.
  def serve_chat(*args)
    config = File.join(ServerHelper::ROOT, "examples/chat/config.ru")
    spawn_server(config, args: ["-b", place, *args], env: { "RAILS_ENV" => "production" })
  end

  # As the browser's certificate store and its cookies know the server.
  def url_of(server) = server.url.sub("127.0.0.1", "localhost")

  it "chats: the page, the WebSocket and MessageBus come over it" do
    server = serve_chat("--access-log")
    ada, grace = %w[Ada Grace].map { |author| Chat::Tab.new(@browser, url_of(server), author) }
    %w[ActionCable MessageBus].each do |way|
      ada.say("Over #{way}", way: way)
      grace.wait_for({ author: "Ada", way: way, text: "Over #{way}" })
    end
    expect(protocols(ada.page)).to include("/" => "h2")
    # The browser's records know the WebSocket by its handshake alone, and a poll once it has ended: the server's know all.
    seen = eventually do
      lines = server.output.scan(%r{"(GET|POST) (\S+) (HTTP/[\d.]+)" (\w+)})
      lines if lines.any? { |_, path,| path == "/cable" } && lines.any? { |_, path,| path.start_with?("/message-bus/") }
    end
    expect(seen.map { |_, _, version,| version }).to all(eq("HTTP/2.0"))
    expect(seen).to include(%w[GET /cable HTTP/2.0 hijacked])
  end

  it "sees the answer to its extended CONNECT" do
    page = @browser.create_page
    answers = Queue.new
    page.on("Network.webSocketHandshakeResponseReceived") { |event| answers << event["response"]["status"] }
    page.command("Network.enable")
    page.go_to(url_of(serve_chat))
    # A 101 is what HTTP/1.1 has; an extended CONNECT is accepted by a 200 (RFC 8441 section 5).
    expect(answers.pop).to eq(200)
  end

  # Serves a page, streams in both ways, and an answer. `connections` gets the client's port of each request.
  def serve_streams(streams, connections)
    serve(bind: place) do |env|
      connections << env["REMOTE_PORT"]
      case env["PATH_INFO"]
      when "/events" then [200, { "content-type" => "text/event-stream" }, ->(stream) { streams << stream }]
      when "/poll" then [200, { "content-type" => "text/plain", "rack.hijack" => ->(stream) { streams << stream } }, []]
      when "/answer" then [200, { "content-type" => "text/plain" }, ["answered"]]
      else [200, { "content-type" => "text/html" }, ["<!doctype html><title>streams</title>"]]
      end
    end
  end

  it "holds thirty streams open on one connection, and a thirty-first request is answered" do
    streams = Queue.new
    connections = Queue.new
    page = @browser.create_page
    page.go_to(url_of(serve_streams(streams, connections)))
    page.execute(<<~JS)
      window.heard = []
      for (let number = 0; number < 15; number++) {
        new EventSource(`/events?${number}`).onmessage = (event) => heard.push(event.data)
        fetch(`/poll?${number}`).then(async (response) => {
          const reader = response.body.getReader()
          const { value } = await reader.read()
          heard.push(new TextDecoder().decode(value))
        })
      }
    JS
    opened = Array.new(30) { streams.pop }
    expect(page.evaluate_async("fetch('/answer').then((response) => response.text()).then(arguments[0])", 10)).to eq("answered")
    opened.each { |stream| stream.write("data: hello\n\n") }
    eventually(20) { expect(page.evaluate("heard.length")).to eq(30) }
    expect(Array.new(connections.size) { connections.pop }.uniq.size).to eq(1)
    opened.each(&:close)
  end
end
