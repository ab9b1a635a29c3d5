# frozen_string_literal: true

module Bench
  # A running server with a number of threads, and what it has done in each round of a load test.
  class Contestant
    # By how much the bytes a request may differ from those of the answer that was looked at.
    BYTES_TOLERANCE = 0.02

    # @return [Peer] which server
    attr_reader :peer

    # @return [Integer, nil] Ruby threads; nil where it has no number of them
    attr_reader :threads

    # @return [Array<Float>] microseconds of CPU a request, one for each round
    attr_reader :cpu

    # @return [Array<Wrk::Result>] one for each round
    attr_reader :results

    # @return [String, nil] what is wrong with its answers; nil while nothing is
    attr_reader :fault

    # @return [Hash{Symbol => Numeric, nil}, nil] what bench-client counted at a fixed rate; nil before #at_rate
    attr_reader :latency

    # @return [Integer, nil] bytes of resident memory behind the last round; nil before
    attr_reader :resident

    # @param peer [Peer] which server
    # @param threads [Integer, nil] Ruby threads; nil where it has no number of them
    # @param workload [Workload] what is asked of it
    # @param beside [String, nil] in what it differs from the others, as which it is no rival of theirs; nil: in nothing
    def initialize(peer, threads, workload, beside: nil)
      @peer = peer
      @threads = threads
      @workload = workload
      @beside = beside
      @cpu = []
      @results = []
    end

    # @return [String] name and threads
    def label = [peer.label(threads), @beside].compact.join(", ")

    # @return [Boolean] whether it is there only to be compared with the same server
    def beside? = !@beside.nil?

    # @param port [String, Integer] a number, or a word that stands for it
    # @return [Hash] of Peer#command
    def options(port = "PORT")
      { port:, threads:, app: @workload.app, chunks: @workload.chunks, http2: @workload.http2?,
        tls: (Certificate.files if @workload.tls) }
    end

    # Starts the server and looks at one answer. What goes wrong becomes the fault.
    def start
      attempt do
        @server = Server.new(peer, connections:, **options.except(:port))
        @fault = Tls.fault(@server.port, http2: @workload.http2?) if @workload.tls
        @probe = probe
        @fault ||= "answers #{@probe.status}" unless @probe.status == 200
        @fault ||= "answers with another body" unless @probe.body == @workload.body
      end
    end

    # @return [Integer] how many connections it has to be able to hold
    def connections = 1000

    # Lets it answer without counting, so that caches are full and YJIT has compiled.
    # @param seconds [Integer] how long
    def warm_up(seconds)
      attempt do
        @workload.load.run(@server.port, @workload, seconds)
        @server.rest
      end
    end

    # One turn of a round.
    # @param seconds [Integer] how long
    def turn(seconds)
      attempt do
        before = @server.tree.cpu
        result = @workload.load.run(@server.port, @workload, seconds)
        record(result, @server.tree.cpu - before)
        @server.rest
      end
    end

    # Asks for answers at a fixed rate.
    # @param seconds [Integer] how long
    # @param rate [Integer] requests in a second
    # @return [Hash{Symbol => Numeric, nil}, nil] what bench-client counted; nil where that is a fault
    def at_rate(seconds, rate: @workload.rate)
      attempt do
        arguments = @workload.rate_arguments(@server.port, seconds, rate:)
        @latency = Client.run(*arguments, connections: @workload.connections) do |client|
          client.phase("open")
          client.phase("rate")
        end
        @server.rest
        @latency
      end
    end

    # Ends the server.
    def stop = @server&.stop

    # What was missing or no success, at the last fixed rate too. wrk takes the end of a body that ends with its connection for an
    # error of reading, once for each request: these are none.
    # @return [Hash{String => Integer}] how many in all rounds, by what went wrong; without those that did not
    def failures
      cut = @results.sum { |result| [result.read - (closes? ? result.requests : 0), 0].max }
      { "not connected" => sum(:connect), "ended before their end" => cut, "not sent" => sum(:write),
        "with a status above 399" => sum(:status), "too late" => sum(:timeout),
        "failed at a fixed rate" => latency ? latency[:failures] : 0 }.select { |_, count| count.positive? }
    end

    # @return [Integer] all of them
    def errors = failures.each_value.sum

    # @return [Boolean] whether its bodies end with the connection, so that each request needs a new one
    def closes? = @probe&.framing == :close

    # @return [Boolean] whether it is a server of others and answers as it has to, so that Penstock is to be compared with it
    def rival? = peer.other? && !beside? && fault.nil? && errors.zero?

    private

    def sum(kind) = @results.sum(&kind)

    # What goes wrong in the block becomes the fault, in one line for it stands in a table; then it returns nil.
    def attempt
      yield
    rescue Error => e
      @fault = e.message.split.join(" ")
      nil
    end

    def probe
      return Probe.of_http2(@workload.url(@server.port)) if @workload.http2?

      Probe.of(@server.port, @workload.headers, tls: @workload.tls, post: @workload.post)
    end

    # One round: what was counted, and nanoseconds of CPU.
    def record(result, spent)
      @results << result
      @cpu << (spent / 1000.0 / result.requests)
      @resident = @server.tree.resident
      @fault = "answered nothing" if result.requests.zero?
      @fault ||= "answered with other bodies under load" unless size_as_expected?(result)
    end

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
  end
end
