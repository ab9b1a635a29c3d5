# frozen_string_literal: true

require_relative "../streaming/helper"

module Http2
  # StreamingHelper's part of the client, over HTTP/2. To be included behind it.
  module Streaming
    # @return [Stream]
    def open_response(server, method: "GET", headers: {}, ended: true, **options)
      @client = connect_http2(server, **options)
      @stream = @client.request(method, "/", headers: headers, ended: ended)
    end

    # @return [Stream] of the last {#open_response}
    attr_reader :stream

    def ordinary = client.request("GET", "/ordinary").body

    def open_upload(server) = open_response(server, method: "POST", ended: false)

    def upload(text) = stream.write(text)

    def end_upload = stream.close_write

    def leave = stream.reset
  end
end
