# frozen_string_literal: true

# A server inside this process, as `serve` returns it.
class RunningServer
  # @return [Penstock::Server]
  attr_reader :server

  # @param server [#start, #stop, #urls] not started yet
  # @param capture [OutputCapture] where its log goes
  def initialize(server, capture)
    @server = server
    @capture = capture
    server.start
    @urls = server.urls
  end

  # @return [Array<String>] `http://host:port` or `unix:///path`, one for each listener; known after the end too
  attr_reader :urls

  # @return [String] the first listener's
  def url
    urls.first
  end

  # @return [String] the first listener's host
  def host
    URI(url).host
  end

  # @return [Integer] the first listener's port
  def port
    URI(url).port
  end

  # @return [String] what the servers of this example logged so far
  def log
    @capture.text
  end

  # Drains and stops; may be called again.
  #
  # @param timeout [Numeric, nil] seconds to drain; nil: the setting `drain_timeout`
  def stop(timeout: nil)
    return if @stopped

    @stopped = true
    server.stop(timeout: timeout)
  end
end
