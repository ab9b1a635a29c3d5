# frozen_string_literal: true

require "spec_helper"
require "support/http2/streaming"

# Robustness, lines 10 to 12: what clients send in masses to make a server work or remember. It ends in a GOAWAY or in a
# connection that is closed, or, where the client only takes nothing, in streams that are reset. The server's memory stays as it
# was, and the next client is served.
RSpec.describe "HTTP/2 floods" do
  get = [[":method", "GET"], [":scheme", "http"], [":authority", "example.org"], [":path", "/"]]
  head = Http2.block(get)
  whole = Http2::END_HEADERS | Http2::END_STREAM
  frame = ->(type, flags: 0, stream: 0, payload: "") { Http2::Frame.new(type, flags, stream, payload).bytes }
  request = ->(stream, flags: whole) { frame.call(:headers, flags: flags, stream: stream, payload: head) }
  reset = ->(stream) { frame.call(:rst_stream, stream: stream, payload: "\0\0\0\b") }

  # Most bytes that a flood sends.
  limit = 24 * 1024 * 1024

  # Sends until the server closes the connection, and takes what comes meanwhile.
  #
  # @return [Integer] the bytes that were sent
  def flood(raw, limit)
    sent = number = 0
    while sent < limit
      batch = "".b
      while batch.bytesize < 32_768
        batch << yield(number)
        number += 1
      end
      raw.pour(batch)
      sent += batch.bytesize
    end
    sent
  rescue Errno::EPIPE, Errno::ECONNRESET
    sent
  end

  # A server in a process of its own, whose memory no other example moves.
  def start(*settings)
    # What a client still sends behind a GOAWAY is read, and dropped, for a while.
    settings = File.join(temporary_folder, "settings.rb").tap { |path| File.write(path, ["linger_total 0.1", *settings].join("\n")) }
    server = spawn_server(<<~RUBY, args: ["-C", settings])
      bodies = Hash.new(["ok"]).merge("/large" => ["a" * 20_000])
      run ->(env) { env["rack.input"].read && [200, {}, bodies[env["PATH_INFO"]]] }
    RUBY
    20.times { expect(connect_http2(server).request("GET", "/").body).to eq("ok") }
    [server, resident_bytes(server.pid)]
  end

  # What is sent first, and then again and again with a number that counts from 0.
  floods = {
    "rapid reset" => [-> { "" }, ->(n) { request.call((2 * n) + 1) + reset.call((2 * n) + 1) }],
    "MadeYouReset (a window of 0)" =>
      [-> { "" }, ->(n) { request.call((2 * n) + 1) + frame.call(:window_update, stream: (2 * n) + 1, payload: "\0\0\0\0") }],
    "MadeYouReset (a second head)" => [-> { "" }, ->(n) { request.call((2 * n) + 1) * 2 }],
    "CONTINUATION" => [-> { request.call(1, flags: Http2::END_STREAM) },
                       ->(_) { frame.call(:continuation, stream: 1, payload: "\x00\x01a\x01b".b) }],
    "empty CONTINUATION" => [-> { request.call(1, flags: Http2::END_STREAM) }, ->(_) { frame.call(:continuation, stream: 1) }],
    "empty DATA" => [-> { request.call(1, flags: Http2::END_HEADERS) }, ->(_) { frame.call(:data, stream: 1) }],
    "padding" => [-> { request.call(1, flags: Http2::END_HEADERS) }, ->(_) { frame.call(:data, flags: 0x8, stream: 1, payload: "\x00") }],
    "PING" => [-> { "" }, ->(n) { frame.call(:ping, payload: [n].pack("Q>")) }],
    "SETTINGS" => [-> { "" }, ->(n) { frame.call(:settings, payload: Http2.settings(initial_window_size: 60_000 + (n % 5000))) }],
    "PRIORITY" => [-> { "" }, ->(n) { frame.call(:priority, stream: (2 * n) + 1, payload: [0, 15].pack("NC")) }],
    "WINDOW_UPDATE" => [-> { "" }, ->(_) { frame.call(:window_update, payload: "\0\0\0\1") }],
    # A literal with incremental indexing (RFC 7541 section 6.2.1), whose number is 62 from then on.
    "references to one large field (HPACK bomb)" =>
      [-> { frame.call(:headers, flags: whole, stream: 1, payload: head + "\x40\x01x\x7f\xa1\x1e#{"a" * 4000}".b) },
       ->(n) { frame.call(:headers, flags: whole, stream: (2 * n) + 3, payload: head + ("\xbe".b * 16_000)) }],
    "unknown frames" => [-> { "" }, ->(_) { frame.call(0xfe, payload: "a" * 50) }]
  }

  floods.each do |name, (first, again)|
    it "of #{name} end, and leave no memory behind", limit: 120 do
      server, before = start
      raw = connect_http2(server).ready.raw.write(first.call)
      expect(flood(raw, limit, &again)).to be < limit
      raw.read_to_eof
      expect(connect_http2(server).request("GET", "/").body).to eq("ok")
      expect(resident_bytes(server.pid) - before).to be < 8 * 1024 * 1024
    end
  end

  # Sends a hundred requests whose responses are reset.
  def stall(client)
    responses = Array.new(100) { client.request("GET", "/large") }
    expect(responses.map(&:reset_code)).to all(eq(:cancel))
  end

  # What the client opens its connection with; each of these requests has a response that waits for a window.
  {
    "windows of 0" => { settings: { initial_window_size: 0 } },
    "the connection's window starved" => { settings: { initial_window_size: 1_000_000 }, opens_windows: false }
  }.each do |name, options|
    it "of requests with #{name} end by the write time-out, and leave no memory behind", limit: 120 do
      server, = start("write_timeout 0.1")
      client = connect_http2(server, **options)
      # What the connection's window has room for is sent.
      client.request("GET", "/large").then { |response| client.wait_for("its end") { response.over? } } until client.fault
      # What so many responses at once need is taken at first, and stays.
      15.times { stall(client) }
      before = resident_bytes(server.pid)
      25.times { stall(client) }
      expect(client.request("HEAD", "/").status).to eq(200)
      expect(connect_http2(server).request("GET", "/").body).to eq("ok")
      expect(resident_bytes(server.pid) - before).to be < 8 * 1024 * 1024
    end
  end
end
