# frozen_string_literal: true

require "spec_helper"
require "support/http2/streaming"

# What h2spec asks (generic, http2, hpack), each with its section of RFC 9113 or RFC 7541: frames that a client must not send,
# and the code by which it hears of them. :connection stands for a GOAWAY; :either where it may be a RST_STREAM too.
RSpec.describe "HTTP/2 faults" do
  get = [[":method", "GET"], [":scheme", "http"], [":authority", "example.org"], [":path", "/"]]
  post = [[":method", "POST"], *get.drop(1)]
  head = Http2.block(get)
  whole = Http2::END_HEADERS | Http2::END_STREAM
  frame = ->(type, flags: 0, stream: 0, payload: "") { Http2::Frame.new(type, flags, stream, payload) }
  request = ->(stream: 1, flags: whole, payload: head) { frame.call(:headers, flags: flags, stream: stream, payload: payload) }
  data = ->(payload: "a", flags: 0, stream: 1) { frame.call(:data, flags: flags, stream: stream, payload: payload) }
  begun = request.call(flags: Http2::END_HEADERS, payload: Http2.block(post))

  {
    # Generic and framing.
    "4.2: a frame above SETTINGS_MAX_FRAME_SIZE" => [[begun, data.call(payload: "a" * 16_385)], :connection, :frame_size_error],
    "4.2: HEADERS above SETTINGS_MAX_FRAME_SIZE" =>
      [[request.call(payload: head + ("a" * 16_385))], :connection, :frame_size_error],
    "4.3: a header block that cannot be decoded" => [[request.call(payload: "\xff\xff\xff\xff\xff")], :connection, :compression_error],
    "4.3: a PRIORITY frame in a header block" =>
      [[request.call(flags: Http2::END_STREAM), frame.call(:priority, stream: 1, payload: "\0\0\0\0\0")], :connection, :protocol_error],
    "4.3: HEADERS of another stream in a header block" =>
      [[request.call(flags: Http2::END_STREAM), request.call(stream: 3)], :connection, :protocol_error],
    "4.3: an unknown frame in a header block" =>
      [[request.call(flags: Http2::END_STREAM), frame.call(0x16, stream: 1)], :connection, :protocol_error],
    # Streams.
    "5.1: DATA on an idle stream" => [[data.call], :connection, :protocol_error],
    "5.1: RST_STREAM on an idle stream" => [[frame.call(:rst_stream, stream: 1, payload: "\0\0\0\b")], :connection, :protocol_error],
    "5.1: WINDOW_UPDATE on an idle stream" =>
      [[frame.call(:window_update, stream: 1, payload: "\0\0\0\1")], :connection, :protocol_error],
    "5.1: CONTINUATION on an idle stream" =>
      [[frame.call(:continuation, flags: Http2::END_HEADERS, stream: 1, payload: head)], :connection, :protocol_error],
    "5.1: DATA on a half-closed stream" => [[request.call(payload: Http2.block(post)), data.call], :either, :stream_closed],
    "5.1.1: an even stream" => [[request.call(stream: 2)], :connection, :protocol_error],
    "5.1.1: a stream below the last one" => [[request.call(stream: 5), request.call(stream: 3)], :connection, :protocol_error],
    "5.3.1: a stream that depends on itself (PRIORITY)" =>
      [[request.call, frame.call(:priority, stream: 1, payload: [1, 15].pack("NC"))], :either, :protocol_error],
    "5.3.1: a stream that depends on itself (HEADERS)" =>
      [[request.call(flags: whole | 0x20, payload: [1, 15].pack("NC") + head)], :either, :protocol_error],
    # Frames.
    "6.1: DATA on stream 0" => [[data.call(stream: 0)], :connection, :protocol_error],
    "6.1: padding as long as the payload" =>
      [[begun, data.call(flags: 0x8, payload: "\x06abcde")], :connection, :protocol_error],
    "6.2: HEADERS on stream 0" => [[request.call(stream: 0)], :connection, :protocol_error],
    "6.2: padding longer than HEADERS" => [[request.call(flags: whole | 0x8, payload: "\xff#{head}".b)], :connection, :protocol_error],
    "6.3: PRIORITY on stream 0" => [[frame.call(:priority, payload: "\0\0\0\0\0")], :connection, :protocol_error],
    "6.3: PRIORITY of another length" => [[frame.call(:priority, stream: 1, payload: "\0\0\0\0")], :either, :frame_size_error],
    "6.4: RST_STREAM on stream 0" => [[frame.call(:rst_stream, payload: "\0\0\0\b")], :connection, :protocol_error],
    "6.4: RST_STREAM of another length" => [[begun, frame.call(:rst_stream, stream: 1, payload: "\0\0\0")], :connection, :frame_size_error],
    "6.5: an ACK with a payload" =>
      [[frame.call(:settings, flags: Http2::ACK, payload: "\0\1\0\0\0\1")], :connection, :frame_size_error],
    "6.5: SETTINGS on a stream" => [[frame.call(:settings, stream: 1)], :connection, :protocol_error],
    "6.5: SETTINGS of another length" => [[frame.call(:settings, payload: "\0\1\0\0\0")], :connection, :frame_size_error],
    "6.5.2: ENABLE_PUSH of 2" => [[frame.call(:settings, payload: Http2.settings(enable_push: 2))], :connection, :protocol_error],
    "6.5.2: a window above 2^31-1" =>
      [[frame.call(:settings, payload: Http2.settings(initial_window_size: 2**31))], :connection, :flow_control_error],
    "6.5.2: frames below 2^14" =>
      [[frame.call(:settings, payload: Http2.settings(max_frame_size: 16_383))], :connection, :protocol_error],
    "6.5.2: frames above 2^24-1" =>
      [[frame.call(:settings, payload: Http2.settings(max_frame_size: 2**24))], :connection, :protocol_error],
    "6.6: PUSH_PROMISE" => [[frame.call(:push_promise, flags: Http2::END_HEADERS, stream: 1, payload: "\0\0\0\2#{head}".b)],
                            :connection, :protocol_error],
    "6.7: PING on a stream" => [[frame.call(:ping, stream: 1, payload: "12345678")], :connection, :protocol_error],
    "6.7: PING of another length" => [[frame.call(:ping, payload: "123456")], :connection, :frame_size_error],
    "6.8: GOAWAY on a stream" => [[frame.call(:goaway, stream: 1, payload: "\0" * 8)], :connection, :protocol_error],
    "6.9: WINDOW_UPDATE of 0 on the connection" =>
      [[frame.call(:window_update, payload: "\0\0\0\0")], :connection, :protocol_error],
    "6.9: WINDOW_UPDATE of 0 on a stream" =>
      [[begun, frame.call(:window_update, stream: 1, payload: "\0\0\0\0")], :either, :protocol_error],
    "6.9: WINDOW_UPDATE of another length" => [[frame.call(:window_update, payload: "\0\0\1")], :connection, :frame_size_error],
    "6.9.1: a connection's window above 2^31-1" =>
      [[frame.call(:window_update, payload: [(2**31) - 1].pack("N"))] * 2, :connection, :flow_control_error],
    "6.9.1: a stream's window above 2^31-1" =>
      [[begun, *[frame.call(:window_update, stream: 1, payload: [(2**31) - 1].pack("N"))] * 2], :either, :flow_control_error],
    "6.10: CONTINUATION behind END_HEADERS" =>
      [[request.call, frame.call(:continuation, flags: Http2::END_HEADERS, stream: 1, payload: head)], :connection, :protocol_error],
    "6.10: CONTINUATION on stream 0" =>
      [[request.call(flags: Http2::END_STREAM), frame.call(:continuation, flags: Http2::END_HEADERS)], :connection, :protocol_error],
    "6.10: CONTINUATION behind DATA" =>
      [[begun, data.call, frame.call(:continuation, flags: Http2::END_HEADERS, stream: 1, payload: head)], :connection, :protocol_error],
    "8.1: trailers without END_STREAM" =>
      [[begun, data.call, request.call(flags: Http2::END_HEADERS, payload: Http2.block([%w[x-sum 1]]))], :either, :protocol_error],
    "8.3: a pseudo-header field behind the others" =>
      [[request.call(payload: Http2.block([*get.drop(1), %w[x-name 1], [":method", "GET"]]))], :either, :protocol_error],
    # HPACK.
    "RFC 7541, 2.3.3: an index that is not there" => [[request.call(payload: "\xbe".b)], :connection, :compression_error],
    "RFC 7541, 4.2: a table above the limit" =>
      [[request.call(payload: "\x3f\xe1\xff\xff\xff\x07".b + head)], :connection, :compression_error],
    "RFC 7541, 5.2: padding of Huffman code that is none" =>
      [[request.call(payload: head + "\x00\x85\xf2\xb2\x4a\x84\xff\x84\x49\x50\x9f\xff".b)], :connection, :compression_error],
    "RFC 7541, 6.1: the index 0" => [[request.call(payload: "\x80".b)], :connection, :compression_error]
  }.each do |name, (frames, kind, code)|
    it "#{name} gets #{code}" do
      server = serve { |env| env["rack.input"].read && [200, {}, ["ok"]] }
      client = connect_http2(server).ready
      client.raw.write(frames.map(&:bytes).join)
      seen = client.wait_for("a GOAWAY or RST_STREAM") { client.fault }
      expect(seen.first).to eq(kind) unless kind == :either
      # h2 has the general code for much that has one of its own.
      expect(seen.last).to eq(code).or eq(:protocol_error)
      expect(client).to be_ended if seen.first == :connection
      expect(connect_http2(server).request("GET", "/").body).to eq("ok")
    end
  end

  {
    "an unknown frame" => [frame.call(0xfe, flags: 0xff, stream: 7, payload: "a" * 100)],
    "unknown flags" => [frame.call(:ping, flags: 0xfe, payload: "12345678")],
    "the reserved bit of a stream" => [frame.call(:ping, stream: 0x80000000, payload: "12345678")],
    "an unknown setting" => [frame.call(:settings, payload: Http2.settings(0xff => 1))],
    "PRIORITY on an idle stream" => [frame.call(:priority, stream: 9, payload: [0, 15].pack("NC"))],
    "a header table of no size" => [frame.call(:settings, payload: Http2.settings(header_table_size: 0))],
    "a header block in pieces" => [request.call(flags: Http2::END_STREAM, payload: head[0, 3]),
                                   frame.call(:continuation, stream: 1, payload: head[3, 3]),
                                   frame.call(:continuation, flags: Http2::END_HEADERS, stream: 1, payload: head[6..])],
    "padding" => [begun, data.call(flags: 0x8, payload: "\x02abc\0\0"), data.call(flags: 0x1)],
    "WINDOW_UPDATE and RST_STREAM on a closed stream" =>
      [request.call, frame.call(:window_update, stream: 1, payload: "\0\0\0\1"), frame.call(:rst_stream, stream: 1, payload: "\0\0\0\b")]
  }.each do |name, frames|
    it "takes #{name}" do
      client = connect_http2(serve { |env| env["rack.input"].read && [200, {}, ["ok"]] }).ready
      client.raw.write(frames.map(&:bytes).join)
      client.skip_streams(4)
      expect(client.request("GET", "/").body).to eq("ok")
    end
  end

  it "3.4: closes a connection whose preface is none" do
    server = serve { [200, {}, []] }
    client = connect(server).write(Http2::PREFACE.sub("SM", "XX"))
    expect(client.read_to_eof).to start_with("HTTP/1.1 400").or eq("")
    expect(connect_http2(server).request("GET", "/").status).to eq(200)
  end

  it "7: knows no error that it would end for" do
    server = serve { [200, {}, ["ok"]] }
    client = connect_http2(server).ready
    client.raw.write(begun.bytes + frame.call(:rst_stream, stream: 1, payload: "\0\0\0\xff").bytes)
    client.skip_streams(1)
    expect(client.request("GET", "/").body).to eq("ok")
    client.raw.write(frame.call(:goaway, payload: "\0\0\0\0\0\0\0\xff").bytes)
    expect(client).to be_ended
  end

  it "answers a PING, and an ACK of one by nothing" do
    client = connect_http2(serve { [200, {}, []] }).ready
    client.raw.write(frame.call(:ping, flags: Http2::ACK, payload: "unasked!").bytes)
    client.round_trip
    expect(client.frames.count { |got| got.type == :ping }).to eq(1)
  end
end
