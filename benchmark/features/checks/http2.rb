# frozen_string_literal: true

require_relative "../../../spec/support/http2/client"

# The same over HTTP/2: one connection, on which a client reads and sends frames. A server that does not speak it is "no".
module Features
  # How an application may give trailers: what it does => a path of streams.ru. Only the first is documented by a server.
  TRAILERS = {
    "`env[\"penstock.stream\"].trailers=`" => "/trailers/stream",
    "fields that are added to the response behind its body" => "/trailers/fields",
    "fields that are added in `rack.response_finished`, which is not documented" => "/trailers/finished"
  }.freeze

  private_constant :TRAILERS

  class Attempt # rubocop:disable Style/Documentation -- described in lib/attempt.rb.
    private

    # Starts the server and connects, by ALPN as a browser does; where the server does not choose HTTP/2 there, without TLS.
    # @param app [String] the application
    # @return [Http2::Client]
    def http2(app = "streams.ru", **options)
      @server&.stop
      @server = Server.new(peer, app, tls: true)
      chosen = by_alpn
      return http2_client(name: "localhost", **options) if chosen == "h2"

      server.stop
      @server = Server.new(peer, app)
      http2_client(**options)
    rescue RawClient::Error, SystemCallError => e
      no!("it does not speak HTTP/2: by ALPN it chooses #{chosen || "nothing"}, and behind the preface without TLS #{silence(e)}")
    end

    # @return [String, nil] what the server chooses
    def by_alpn
      connect(name: "localhost", alpn_protocols: %w[h2 http/1.1]).socket.ssl.alpn_protocol
    rescue OpenSSL::SSL::SSLError => e
      no!("no TLS: #{e.message}")
    end

    def http2_client(**options)
      client = Http2::Client.new(server.url, **options)
      @clients << client
      client.ready
    end

    # What came in place of frames.
    def silence(error)
      error.is_a?(RawClient::TimedOut) ? "nothing comes in #{RawClient::TIMEOUT} s" : "the connection ends"
    end

    # @return [Http2::Stream] a request
    def request(client, path, method: "GET", headers: {}, **options)
      place = { ":scheme" => server.url[/\w+/], ":authority" => "localhost:#{server.port}" }
      client.request(method, path, headers: place.merge(headers), **options)
    end

    # Whether an ordinary request on the same connection is answered.
    def answers_beside?(client)
      request(client, "/hello").body == "Hello\n"
    rescue RawClient::Error
      false
    end

    # The stream has to be one response of 200 to which the application adds in two pieces.
    def in_two_pieces(stream)
      no!("the answer is #{stream.status}") unless stream.status == 200
      piece(stream, "one\n", "the first write, before the second is made,")
      no!("the stream has ended behind the first write") if stream.over?
      server.tell("go")
      piece(stream, "two\n", "the second write")
      stream.ended? ? "each write is here at once, and the end of the stream behind them" : no!("more comes than was written")
    rescue RawClient::TimedOut
      no!("no answer in #{RawClient::TIMEOUT} s")
    end

    def piece(stream, text, what)
      stream.text_until(text)
    rescue RawClient::TimedOut
      no!("#{what} does not come in #{RawClient::TIMEOUT} s")
    rescue RawClient::Truncated
      no!("#{what} does not come; the answer is #{stream.received[0, 60].inspect}, and the stream has ended")
    end

    # Reads what a stream may get before its window is opened.
    def fill(client, stream)
      client.wait_for("a full window") { stream.received.bytesize >= client_window }
    rescue RawClient::Error
      no!("#{stream.received.bytesize} bytes come, with a window of #{client_window}")
    end

    # What a client takes on a stream without opening its window (RFC 9113 section 6.9.2).
    def client_window = 65_535

    # How many of the streams get a text.
    def hearing(client, streams, text)
      client.wait_for(text) { streams.all? { |stream| stream.received.include?(text) || stream.over? } }
      streams.count { |stream| stream.received.include?(text) }
    rescue RawClient::Error
      streams.count { |stream| stream.received.include?(text) }
    end

    # @return [Array<Http2::Stream>] subscribers, each on a stream of one connection
    def subscribed_on(client)
      fields = { ":method" => "CONNECT", ":protocol" => "websocket", "sec-websocket-version" => "13",
                 "sec-websocket-protocol" => "actioncable-v1-json" }
      streams = Array.new(STREAMS) { request(client, "/cable", method: "CONNECT", headers: fields, ended: false) }
      welcome = hearing(client, streams, '"welcome"')
      no!("#{welcome} of #{STREAMS} are welcomed; #{refusal(client, streams.first)}") if welcome < STREAMS

      streams.each { |stream| stream.write(SUBSCRIBE) }
      confirmed = hearing(client, streams, "confirm_subscription")
      no!("#{confirmed} of #{STREAMS} are subscribed") if confirmed < STREAMS
      streams
    end

    # What a server says to an extended CONNECT.
    def refusal(client, stream)
      offered = client.settings[Http2::SETTINGS[:enable_connect_protocol]] == 1
      offer = "the extended CONNECT is #{"not " unless offered}in the server's SETTINGS"
      "#{offer}, and the first answer is #{stream.status} #{stream.received[0, 40].inspect}"
    rescue RawClient::Error => e
      "#{offer}, and #{e.is_a?(RawClient::TimedOut) ? "there is no answer in #{RawClient::TIMEOUT} s" : e.message}"
    end

    # @return [Array<Http2::Stream>] polls, each on a stream of one connection
    def polls_on(client)
      body = "/news=-1"
      fields = { "content-type" => "application/x-www-form-urlencoded", "content-length" => body.bytesize.to_s }
      Array.new(STREAMS) { |n| request(client, "/message-bus/client#{n}/poll", method: "POST", headers: fields, body: body) }
    end

    # The trailers of a response on HTTP/1.1.
    # @return [String] their lines
    def trailing_lines(path)
      client = ask(path, fields: "TE: trailers\r\n")
      return "" unless head(client).headers["transfer-encoding"]

      client.read_until(/^0\r\n(?:[^\r\n]+\r\n)*\r\n/)[/^0\r\n(.*)\r\n\z/m, 1]
    rescue RawClient::Error, No
      ""
    end

    # The trailers of a response on HTTP/2.
    # @return [Hash{String => Array<String>}]
    def trailing_fields(client, path)
      stream = request(client, path, headers: { "te" => "trailers" })
      stream.rest
      stream.trailers.to_h
    rescue RawClient::Error
      {}
    end

    # A connection of HTTP/2, if there can be one.
    def http2_if_spoken
      http2
    rescue No
      nil
    end

    # Where trailers come.
    # @return [Hash{String => Array<String>}] ways of the application => protocols
    def trailers_come
      protocols = { "HTTP/1.1" => ->(path) { trailing_lines(path).match?(/^server-timing: *work;dur=7/i) } }
      found = TRAILERS.transform_values { |path| protocols.select { |_, come| come.call(path) }.keys }
      client = http2_if_spoken or return found
      found.each { |way, over| over << "HTTP/2" if trailing_fields(client, TRAILERS[way])["server-timing"] == ["work;dur=7"] }
    end
  end

  check("http2-call", "Streaming bodies (`call`) over HTTP/2", app: nil) { in_two_pieces(request(http2, "/call/paced")) }

  check("http2-partial", "Partial hijack over HTTP/2", app: nil) do
    client = http2
    asked = request(client, "/partial/paced")
    # A length means that the application was not offered a hijack; some servers do it all the same.
    next in_two_pieces(asked) unless asked["content-length"]

    "#{in_two_pieces(request(client, "/unasked/paced"))}, though `rack.hijack?` is not set"
  end

  check("http2-full", "Full hijack of an ordinary HTTP/2 request", app: nil) { in_two_pieces(request(http2, "/full/chunks")) }

  check("http2-cable", "ActionCable, unmodified, over HTTP/2 (RFC 8441)", app: nil) do
    client = http2("cable.ru")
    streams = subscribed_on(client)
    no!("with #{STREAMS} WebSockets open a request is not answered") unless answers_beside?(client)
    request(client, "/broadcast")
    heard = hearing(client, streams, "to everybody")
    no!("#{heard} of #{STREAMS} hear a broadcast") if heard < STREAMS
    "#{STREAMS} subscribers on one connection hear a broadcast"
  end

  check("http2-bus", "MessageBus, unmodified, streams over HTTP/2", app: nil) do
    client = http2("bus.ru")
    polls = polls_on(client)
    begun = hearing(client, polls, "[")
    no!("#{begun} of #{STREAMS} polls begin") if begun < STREAMS
    no!("a poll is not held: its answer ends with #{polls.first.received[0, 60].inspect}") if polls.any?(&:over?)
    no!("with #{STREAMS} polls open a request is not answered") unless answers_beside?(client)
    %w[first second].each do |name|
      request(client, "/publish?#{name}")
      heard = hearing(client, polls, "#{name} to everybody")
      no!("#{heard} of #{STREAMS} get the #{name} message at once") if heard < STREAMS
    end
    "#{STREAMS} polls on one connection get two messages, each at once"
  end

  check("http2-stalled", "One stream whose client reads nothing does not stop the others of its connection", app: nil) do
    client = http2(opens_windows: false)
    # The connection's window is wide: what is shut is the stream's alone.
    client.open_window(16 * MIB)
    stalled = request(client, "/call/large")
    fill(client, stalled)
    sleep 1
    no!("a request beside it is not answered") unless 3.times.all? { answers_beside?(client) }
    in_two_pieces(request(client, "/call/paced"))
    "requests and a streaming body beside it are answered"
  end

  check("trailers", "Trailers of a response") do
    way, over = trailers_come.find { |_, protocols| protocols.any? }
    way or no!("fields added behind the body, or in rack.response_finished, do not come; no other way is documented")
    "over #{over.join(" and ")}, by #{way}"
  end
end
