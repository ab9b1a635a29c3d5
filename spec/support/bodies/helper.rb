# frozen_string_literal: true

require_relative "../apps/every_body"
require_relative "../live_response"

# Serves EveryBody inside of what the including group puts around it with its `wrap(app)`.
module BodiesHelper
  # @return [Hash{String => String}] what the client sends; may be overridden
  def request_headers
    {}
  end

  # @return [Hash{String => String}] what the application adds to the head of its responses; may be overridden
  def app_headers
    {}
  end

  # @return [String] the path below which the application is; may be overridden
  def mount_point
    ""
  end

  # @return [EveryBody] the application
  def inner
    @inner ||= EveryBody.new(app_headers)
  end

  # @return [RunningServer] with the wrapped application, one for an example
  def served
    @served ||= serve(wrap(inner))
  end

  # Sends a request for one of the application's paths on a connection of its own.
  #
  # @return [LiveResponse]
  def live(path, method: "GET", headers: {})
    client = connect(served).write(request_bytes(method, mount_point + path, headers: request_headers.merge(headers)))
    LiveResponse.new(client, head: method == "HEAD")
  end

  # Expects a path's first part at once, calls the block, lets the rest go, and expects its proper end.
  #
  # @yieldparam response [LiveResponse] whose first part has been read
  def expect_live(path)
    response = live(path)
    expect([response.status, response.text_until("one ")]).to eq([200, "one "])
    yield response if block_given?
    expect_end_of(path, response)
  end

  private

  def expect_end_of(path, response)
    eventually { inner.left_open? } if EveryBody::LEFT_OPEN.include?(path)
    inner.go_on
    expect(response.rest).to eq("two three")
    eventually { inner.body.closed == 1 }
  end
end
