# frozen_string_literal: true

require "spec_helper"
require "support/cable/examples"
require "support/message_bus/examples"
require "support/http2/message_bus_poll"

# The same examples as on HTTP/1.1: ActionCable by RFC 8441, MessageBus by the translation of what it writes by hand.
RSpec.describe "Over HTTP/2" do
  describe "ActionCable" do
    def endpoint
      { protocol: Async::HTTP::Protocol::HTTP2 }
    end

    it_behaves_like "ActionCable"
    it_behaves_like "ActionCable at the server's end"
  end

  describe "MessageBus" do
    include MessageBusHelper
    include Http2::MessageBus

    it_behaves_like "MessageBus"
  end
end
