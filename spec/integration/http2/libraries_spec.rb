# frozen_string_literal: true

require "spec_helper"
require "support/apps/faye_app"
require "support/apps/tubesock_app"
require "support/cable/reactor"
require "support/cable/web_socket"

# Libraries that speak WebSocket on a hijacked connection, unmodified, by an extended CONNECT (RFC 8441).
RSpec.describe "WebSocket libraries over HTTP/2" do
  let(:reactor) { Cable::Reactor.new }

  after { reactor.stop }

  { "faye-websocket" => FayeApp, "tubesock" => TubesockApp }.each do |name, application|
    describe name do
      let(:app) { application.new }
      let(:socket) { Cable::WebSocket.new(reactor, serve(app).url, endpoint: { protocol: Async::HTTP::Protocol::HTTP2 }) }

      it "answers messages, short and long" do
        socket.text("one")
        eventually { expect(socket.messages).to eq(%w[one]) }
        socket.text("x" * 100_000)
        eventually { expect(socket.messages.map(&:size)).to eq([3, 100_000]) }
        # Else its stream may be reset before the close frame is read, which tubesock takes for an end without one.
        socket.close
        eventually { expect(socket).to be_ended }
      end

      it "ends with the client's close frame" do
        socket.text("one")
        eventually { expect(socket.messages).to eq(%w[one]) }
        socket.close
        eventually { expect(socket).to be_ended }
      end

      # tubesock cannot take an end without a close frame on Ruby 3.3 and newer, where `recvfrom` says nil there.
      next if name == "tubesock"

      it "learns that the client has gone without one" do
        socket.text("one")
        eventually { expect(socket.messages).to eq(%w[one]) }
        socket.vanish
        seen = []
        eventually do
          seen << app.events.pop until app.events.empty?
          expect(seen.flatten).to include(:close)
        end
      end
    end
  end
end
