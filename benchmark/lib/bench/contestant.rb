# frozen_string_literal: true

module Bench
  # A running server with a number of threads, and what it has done in each round of a load test.
  class Contestant
    # A server is at rest when its processes take less than so much of a core.
    AT_REST = 0.02

    # Seconds over which that is looked at, and seconds after which it is not waited for any longer.
    REST_INTERVAL = 0.1
    REST_PATIENCE = 10

    # By how much the bytes a request may differ from those of the answer that was looked at.
    BYTES_TOLERANCE = 0.02

    # @return [Peer] which server
    attr_reader :peer

    # @return [Integer, nil] Ruby threads; nil for bare hyper
    attr_reader :threads

    # @return [Array<Float>] microseconds of CPU a request, one for each round
    attr_reader :cpu

    # @return [Array<Wrk::Result>] one for each round
    attr_reader :results

    # @return [String, nil] what is wrong with its answers; nil while nothing is
    attr_reader :fault

    # @param peer [Peer] which server
    # @param threads [Integer, nil] Ruby threads; nil for bare hyper
    # @param workload [Workload] what is asked of it
    def initialize(peer, threads, workload)
      @peer = peer
      @threads = threads
      @workload = workload
      @cpu = []
      @results = []
    end

    # @return [String] name and threads
    def label
      return "bare #{peer.name}" unless threads

      "#{peer.name.capitalize}, #{threads} #{threads == 1 ? "thread" : "threads"}"
    end

    # @param port [String, Integer] a number, or a word that stands for it
    # @return [Hash] of Peer#command
    def options(port = "PORT")
      { port:, threads:, app: @workload.app, chunks: @workload.chunks, http2: @workload.http2? }
    end

    # Starts the server and looks at one answer. What goes wrong becomes the fault.
    def start
      @server = Server.new(peer, **options.except(:port))
      @probe = @workload.http2? ? Probe.of_http2(@server.port) : Probe.of(@server.port, @workload.headers)
      @fault = "answers #{@probe.status}" unless @probe.status == 200
      @fault ||= "answers with another body" unless @probe.body == @workload.body
    rescue Error => e
      @fault = e.message
    end

    # Lets it answer without counting, so that caches are full and YJIT has compiled.
    # @param seconds [Integer] how long
    def warm_up(seconds)
      @workload.load.run(@server.port, @workload, seconds)
      rest
    end

    # One turn of a round.
    # @param seconds [Integer] how long
    def turn(seconds)
      before = @server.tree.cpu
      result = @workload.load.run(@server.port, @workload, seconds)
      spent = @server.tree.cpu - before
      @results << result
      @cpu << (spent / 1000.0 / result.requests)
      @fault = "answered nothing" if result.requests.zero?
      @fault ||= "answered with other bodies under load" unless size_as_expected?(result)
      rest
    end

    # Ends the server.
    def stop = @server&.stop

    # Answers that were missing or no success. wrk takes the end of a body that ends with its connection for an
    # error of reading, once for each request: these are none.
    # @return [Integer] in all rounds
    def errors
      @results.sum do |result|
        ends = @probe.framing == :close ? result.requests : 0
        result.connect + result.write + result.status + result.timeout + [result.read - ends, 0].max
      end
    end

    # @return [Boolean] whether its bodies end with the connection, so that each request needs a new one
    def closes? = @probe&.framing == :close

    private

    # What was on its way when wrk stopped has been counted in bytes and not in requests.
    def size_as_expected?(result)
      # Of HTTP/2 the size of a head hangs on those before it.
      return true if @workload.http2?

      least = result.requests * (@probe.bytes - regrouped) * (1 - BYTES_TOLERANCE)
      most = (result.requests + @workload.connections) * (@probe.bytes + regrouped) * (1 + BYTES_TOLERANCE)
      result.bytes.between?(least, most)
    end

    # Writes that come close together may share a chunk: by how many bytes the framing of an answer may differ for that.
    def regrouped
      return 0 unless @probe.framing == :chunked

      @workload.chunks.to_i * "20\r\n\r\n".bytesize
    end

    # Waits until requests that wrk has left behind are done with, so that they do not burden the next server.
    def rest
      (REST_PATIENCE / REST_INTERVAL).to_i.times do
        before = @server.tree.cpu
        sleep REST_INTERVAL
        break if @server.tree.cpu - before < AT_REST * REST_INTERVAL * 1e9
      end
    end
  end
end
