# frozen_string_literal: true

# ActionCable and MessageBus as they come from their gems, with 20 clients on 5 threads.
module Features
  WEB_SOCKET = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" \
               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: actioncable-v1-json\r\n"

  # A text frame of a client (RFC 6455 section 5.2), with a mask of zeros.
  FRAME = ->(text) { [0x81, 0x80 | text.bytesize].pack("CC") + ("\0" * 4) + text }

  SUBSCRIBE = FRAME.call('{"command":"subscribe","identifier":"{\"channel\":\"NewsChannel\"}"}')

  # A close frame with the code 1000, as ActionCable sends it.
  CLOSE = "\x88\x02\x03\xE8".b

  private_constant :WEB_SOCKET, :FRAME, :SUBSCRIBE, :CLOSE

  class Attempt # rubocop:disable Style/Documentation -- described in lib/attempt.rb.
    private

    # @return [Array<RawClient>] subscribers
    def subscribed
      clients = Array.new(STREAMS) { ask("/cable", fields: WEB_SOCKET) }
      welcome = getting(clients, '"welcome"', 10)
      no!("#{welcome} of #{STREAMS} are welcomed; the first answer is #{clients[0].received[0, 40].inspect}") if welcome < STREAMS

      clients.each { |client| client.write(SUBSCRIBE) }
      confirmed = getting(clients, "confirm_subscription", 10)
      no!("#{confirmed} of #{STREAMS} are subscribed") if confirmed < STREAMS
      clients
    end
  end

  check("action-cable", "ActionCable, unmodified, with 20 clients", app: "cable.ru") do
    clients = subscribed
    no!("with #{STREAMS} connections open a request is not answered") unless answers?
    ask("/broadcast")
    heard = getting(clients, "to everybody")
    no!("#{heard} of #{STREAMS} hear a broadcast") if heard < STREAMS
    "#{STREAMS} subscribers hear a broadcast"
  end

  check("cable-gone", "Its `unsubscribed` runs when a client goes without a close frame", app: "cable.ru") do
    subscribed.first.close
    server.fact("unsubscribed", 10) ? "within 10 s" : no!("not within 10 s")
  end

  check("cable-stop", "Its clients get a close frame when the server stops", app: "cable.ru") do
    clients = subscribed
    server.kill(:TERM)
    heard = getting(clients, CLOSE, 10)
    no!("#{heard} of #{STREAMS} are told") if heard < STREAMS
    "all #{STREAMS} are told on SIGTERM"
  end

  check("message-bus", "MessageBus, unmodified, streams each message to 20 clients", app: "bus.ru") do
    body = "/news=-1"
    fields = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: #{body.bytesize}\r\n"
    clients = Array.new(STREAMS) { |n| ask("/message-bus/client#{n}/poll", method: "POST", fields: fields, body: body) }
    # What is published before a poll has begun does not belong to it.
    getting(clients, "[")
    no!("with #{STREAMS} polls open a request is not answered") unless answers?
    %w[first second].each do |name|
      ask("/publish?#{name}")
      heard = getting(clients, "#{name} to everybody")
      other = clients.map(&:received).find { |bytes| !bytes.include?(name) }
      no!("#{heard} of #{STREAMS} get the #{name} message at once; an answer without it is #{other[0, 30].inspect}") if other
    end
    "#{STREAMS} polls get two messages, each at once"
  end
end
