# frozen_string_literal: true

require "spec_helper"
require "support/application/helper"

# A body that raises half-way must never look whole to the client.
RSpec.describe "A body that raises half-way" do
  include ApplicationHelper

  # How the response is framed: description => header fields, the request's version, and what the client must see behind
  # the bytes that were sent.
  framings = {
    "chunks" => [{}, "1.1", { bytes: "3\r\none\r\n", ending: :ended? }],
    "a content-length" => [{ "content-length" => "100" }, "1.1", { bytes: "one", ending: :ended? }],
    "chunks that the application has made" => [{ "transfer-encoding" => "chunked" }, "1.1", { bytes: "3\r\none\r\n", ending: :ended? }],
    "connection: close, in chunks" => [{ "connection" => "close" }, "1.1", { bytes: "3\r\none\r\n", ending: :ended? }],
    "the end of the connection" => [{}, "1.0", { bytes: "one", ending: :reset? }],
    "a content-length for a client of HTTP/1.0" => [{ "content-length" => "100" }, "1.0", { bytes: "one", ending: :ended? }]
  }

  # Kinds of bodies, which raise when the spec lets them.
  kinds = {
    "each" => lambda { |part, latch|
      { each: lambda { |block|
        block.call(part)
        latch.wait
        raise "half-way"
      } }
    },
    "call" => lambda { |part, latch|
      { call: lambda { |stream|
        stream.write(part)
        latch.wait
        raise "half-way"
      } }
    }
  }

  # When it raises: description => whether the client has seen the first bytes.
  moments = { "once the first bytes have come" => true, "right behind the first bytes" => false }

  framings.each do |framing, (headers, version, expected)|
    kinds.each do |kind, methods|
      moments.each do |moment, seen|
        it "is seen as broken: #{kind}, framed by #{framing}, #{moment}" do
          latch = Latch.new
          latch.open unless seen
          part = headers.key?("transfer-encoding") ? "3\r\none\r\n" : "one"
          server = serve_traced { [200, headers, traced_body(**methods.call(part, latch))] }
          client = connect(server).write("GET / HTTP/#{version}\r\nHost: example.org\r\n\r\n#{request_bytes("GET", "/pipelined")}")
          expect(client.read_head.status).to eq(200)
          expect(client.read_bytes(expected[:bytes].bytesize)).to eq(expected[:bytes])
          latch.open
          expect(client.public_send(expected[:ending])).to be(true)
          expect_closed_once
          expect_finished(status: 200, error: RuntimeError)
          expect(trace.of(:call).count { |step| step.arguments.first.is_a?(Hash) }).to eq(1)
        end
      end
    end
  end

  it "is still a 500 when nothing was sent yet" do
    server = serve_traced { [200, { "x-a" => "b" }, traced_body(each: ->(_) { raise "at once" })] }
    response = get(server, "/")
    expect(response.status).to eq(500)
    expect(response.headers).not_to include("x-a")
    expect_closed_once
  end
end
