# frozen_string_literal: true

require_relative "recorder"

# Tables of raw requests: a row is a description and the bytes; the table says what has to come of them. Extended by the
# example groups that have such tables, which include {Checks} with it.
module RawCases
  # A request behind the one under test. Behind a connection that has to be closed it must never reach the application.
  PIPELINED = "GET /pipelined HTTP/1.1\r\nHost: example.org\r\n\r\n"

  # Includes the checks into the example group.
  def self.extended(group)
    group.include Checks
  end

  # Rows that are answered with an error, without the application, and end the connection.
  #
  # @param statuses [Integer, Array<Integer>] what may be answered
  # @param rows [Hash{String => String}] description => bytes
  # @param complete [Boolean] whether the bytes are a whole request, so that another can stand behind them
  # @param settings [Hash] of the server
  def refuses(statuses, rows, complete: true, **settings)
    rows.each do |description, bytes|
      it "refuses #{description} with #{Array(statuses).join(" or ")}" do
        app = Recorder.new
        server = serve(app, **settings)
        expect_refusal(server, complete ? bytes + PIPELINED : bytes, statuses)
        expect_alive(server)
        expect(app.paths).to eq(["/alive"])
      end
    end
  end

  # Rows that reach the application and get its 200.
  #
  # @param rows [Hash{String => String, Array(String, Hash)}] description => bytes, or bytes and the env that has to be
  #   seen (nil: the key must not be there; `:body`: what rack.input gives)
  # @param connection [Symbol] :kept or :closed
  # @param settings [Hash] of the server
  def accepts(rows, connection: :kept, **settings)
    rows.each do |description, (bytes, expected)|
      it "accepts #{description}, and the connection is #{connection}" do
        app = Recorder.new
        server = serve(app, **settings)
        expect_success(server, bytes, connection)
        expect_env(app.calls.first, expected || {})
        expect_alive(server)
      end
    end
  end

  # What the tables' examples check.
  module Checks
    # Sends the bytes and expects one error, then the end of the connection.
    def expect_refusal(server, bytes, statuses)
      client = connect(server).offer(bytes)
      response = client.read_response
      expect(Array(statuses)).to include(response.status)
      expect(client).to be_ended, "expected the connection to be closed; it is open, or gave #{client.received.inspect}"
      response
    end

    # Sends the bytes and expects a 200 and that the connection goes on, or does not.
    def expect_success(server, bytes, connection)
      client = connect(server).offer(bytes + PIPELINED)
      response = client.read_final_response
      expect(response.status).to eq(200)
      if connection == :kept
        expect(client.read_response.status).to eq(200)
      else
        expect(client).to be_ended, "expected the connection to be closed; it is open, or gave #{client.received.inspect}"
      end
    end

    # Expects values in the env of a call.
    def expect_env(call, expected)
      fields = expected.except(:body)
      seen = fields.to_h { |name, _| [name, call.env[name]] }
      expect(seen).to eq(fields)
      absent = fields.select { |_, value| value.nil? }.keys
      expect(call.env.keys & absent).to be_empty
      expect(call.body).to eq(expected[:body]) if expected.key?(:body)
    end

    # Expects that a new connection gets its answer: the process lives and serves.
    def expect_alive(server)
      expect(get(server, "/alive").status).to eq(200)
    end
  end
end
