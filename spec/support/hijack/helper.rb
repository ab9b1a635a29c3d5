# frozen_string_literal: true

# Serves an application that takes its connections over (Rack SPEC, "Full Hijack"), and opens them.
module HijackHelper
  # Bytes that come right behind a request, so that the server has read them ahead: it then hands out one end of a socket pair.
  EARLY = "early;"

  # The kinds of IO that an application can get, by name: settings of the server, and what the client sends with its request.
  KINDS = {
    "the client's TCP socket" => [{}, ""],
    "the client's Unix socket" => [{ unix: true }, ""],
    "a socket pair, where bytes were read ahead" => [{}, EARLY],
    "a socket pair, where bytes were read ahead of a Unix socket" => [{ unix: true }, EARLY]
  }.freeze

  # Serves an application that hijacks every request but those for /ordinary.
  #
  # @param returns [Object] what the application returns then
  # @param unix [Boolean] whether it listens on a Unix socket
  # @param settings [Hash] of Penstock::Server
  # @yieldparam io [IO] in the application's thread; without a block it is put into `sockets`
  # @yieldparam env [Hash]
  # @return [RunningServer]
  def serve_hijack(returns: [-1, {}, []], unix: false, **settings)
    settings[:bind] = "unix://#{temporary_folder}/socket" if unix
    serve(**settings) do |env|
      next [200, {}, ["ordinary"]] if env["PATH_INFO"] == "/ordinary"

      io = env["rack.hijack"].call
      taken << io
      block_given? ? yield(io, env) : sockets << io
      returns
    end
  end

  # Gives the group queues: `taken`, all sockets that {#serve_hijack} has taken over; `sockets`, those of them that it has passed
  # to no block; `notes`, for what the application wants to tell the example. By `let`: the example and the application's threads
  # must get the same queue, whoever asks for it first.
  def self.included(group)
    %i[taken sockets notes].each { |name| group.let(name) { Thread::Queue.new } }
    # What the application has left open is closed, so that the server's end has not to wait for it.
    group.after { taken.pop.close until taken.empty? }
  end

  # Sends a request that is hijacked.
  #
  # @param early [String] sent with it
  # @return [RawClient]
  def hijack(server, early: "", method: "GET", headers: {}, **options)
    connect(server, **options).write(request_bytes(method, "/", headers: headers) + early)
  end

  # Serves and takes over a connection of one kind.
  #
  # @param kind [Array] of {KINDS}
  # @return [Array(RawClient, IO)] the early bytes are read already
  def take_over(kind, **settings)
    given, early = kind
    @server = serve_hijack(**given, **settings)
    client = hijack(@server, early: early)
    io = sockets.pop
    io.readpartial(early.bytesize) unless early.empty?
    [client, io]
  end

  # @return [RunningServer] of the last {#take_over}
  attr_reader :server

  # @return [Float] seconds of the monotonic clock
  def now
    Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end
end
