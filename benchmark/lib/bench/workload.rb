# frozen_string_literal: true

module Bench
  # What a load test asks of the servers.
  #
  # name: as on the command line; title: what it is, in a few words; app: the file of benchmark/apps without ".ru";
  # chunks: what bare hyper is asked for, nil where it has nothing like it; connections: of the client; streams: of each
  # connection at a time, nil for HTTP/1; headers: of each request beside Host; post: the body of each request, which is a
  # POST then, nil for a GET; body: what each answer has to be; goals: an Array of Goal; tls: whether it is asked over TLS;
  # beside: whether bare hyper and Penstock are asked without TLS as well; unit: what is counted; tool: what puts the load
  # on, nil for the usual of HTTP/1 or HTTP/2; rate: requests in a second at which latency is measured, nil where it is not, which
  # every server can do and bench-client can ask; gems: that the application needs and not every Ruby can have
  Workload = Struct.new(:name, :title, :app, :chunks, :connections, :streams, :headers, :post, :body, :goals, :tls, :beside, :unit,
                        :tool, :rate, :gems, keyword_init: true) do
    # What is asked for, and gets the others' defaults.
    def initialize(name:, title:, app: name, connections: 64, headers: {}, goals: [], tls: false, beside: false,
                   unit: "request", gems: [], **)
      super
    end

    # @return [Boolean] whether it is one of HTTP/2
    def http2? = !streams.nil?

    # @return [Module] what puts the load on: its `run` and `to_shell`
    def load = tool || (http2? ? H2load : Wrk)

    # @return [Boolean] whether its application can run on this Ruby
    def available? = gems.all? { |gem| Gem.loaded_specs.key?(gem) }

    # @param port [String, Integer] a number, or a word that stands for it
    # @return [String] what is asked for
    def url(port) = "#{tls ? "https" : "http"}://127.0.0.1:#{port}/"

    # @param port [String, Integer] a number, or a word that stands for it
    # @param seconds [Integer] how long
    # @param rate [Integer, String] requests in a second; its own where none are given
    # @return [Array] arguments of bench-client that ask for it at this rate
    def rate_arguments(port, seconds, rate: self.rate) = ["rate", port, rate, seconds, connections, body.bytesize]

    # @return [Boolean] whether one of its goals takes many rounds
    def close? = goals.any?(&:close?)

    # @return [Workload] the same without TLS
    def plaintext = dup.tap { |workload| workload.tls = false }
  end
end
