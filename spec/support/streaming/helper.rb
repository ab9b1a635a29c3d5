# frozen_string_literal: true

require_relative "forms"
require_relative "../live_response"

# Serves one streaming application for an example, and opens its streams.
module StreamingHelper
  # Gives the group `streams`, the streams that {#serve_left_open} has left open, and `notes`, for what the application wants to
  # tell the example. By `let`: the example and the application's threads must get the same queue, whoever asks for it first.
  def self.included(group)
    group.let(:streams) { Thread::Queue.new }
    group.let(:notes) { Thread::Queue.new }
  end

  # Serves an application that streams.
  #
  # @param form [String] of StreamingForms::ALL
  # @param settings [Hash] of Penstock::Server
  # @yieldparam stream [Object] what Rack calls the stream: Penstock's, or Lint's wrapper
  # @yieldparam env [Hash]
  # @return [RunningServer]
  def serve_stream(form = "a body with call", status: 200, headers: {}, **settings, &run)
    @app, served = StreamingForms.build(form, status: status, headers: headers, &run)
    serve(served, **settings)
  end

  # Serves an application whose streams are left open: they are in `streams`.
  def serve_left_open(form = "a body with call", **options)
    serve_stream(form, **options) { |stream, _env| streams << stream }
  end

  # @return [StreamingForms::App] the application of the last server
  attr_reader :app

  # Sends a request, and reads nothing yet.
  #
  # @return [LiveResponse] whose client is {#client}
  def open_response(server, method: "GET", version: "HTTP/1.1", headers: {}, **options)
    @client = connect(server, **options)
    @client.write(request_bytes(method, "/", headers: headers).sub("HTTP/1.1", version))
    LiveResponse.new(@client, head: method == "HEAD")
  end

  # Opens a stream of {#serve_left_open}.
  #
  # @return [Array(LiveResponse, Object)] the response, whose head has come, and the stream
  def open_stream(server, **options)
    response = open_response(server, **options)
    response.status
    [response, streams.pop]
  end

  # @return [RawClient] of the last {#open_response}
  attr_reader :client

  # An ordinary request on the connection of the last stream, which goes on.
  # @return [String] the body of its response
  def ordinary
    client.write(request_bytes("GET", "/ordinary")).read_response.body
  end

  # Opens a response whose request has a body of unknown length.
  # @return [LiveResponse]
  def open_upload(server)
    open_response(server, method: "POST", headers: { "transfer-encoding" => "chunked" })
  end

  # Sends a part of that body.
  def upload(text)
    client.write("#{text.bytesize.to_s(16)}\r\n#{text}\r\n")
  end

  # Ends it.
  def end_upload
    client.write("0\r\n\r\n")
  end

  # The client of the last stream goes, and says so.
  def leave
    client.abort
  end

  # @return [Float] seconds of the monotonic clock
  def now
    Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end
end
