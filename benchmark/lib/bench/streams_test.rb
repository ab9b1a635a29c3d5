# frozen_string_literal: true

module Bench
  # Thousands of open streams in one process: opened, broadcast to, half of them closed by the clients and half by the
  # server, while ordinary requests go on being answered.
  class StreamsTest
    # Which streams.
    #
    # title: what they are; app: the file of benchmark/apps without ".ru"; streams: how many, nil for as many as the command
    # line says; broadcasts: how many messages go to all of them; connections: of HTTP/2 that carry them, nil for HTTP/1.1;
    # goal: KB at most for each of Penstock, nil where there is none; floor: whether a bare send(2) is measured as well, where
    # bare hyper is among the chosen servers
    Kind = Struct.new(:name, :title, :app, :streams, :broadcasts, :connections, :goal, :floor, keyword_init: true)

    # All kinds by the names of their tests.
    KINDS = [
      Kind.new(name: "streams", title: "open streams", app: "broadcast", broadcasts: 7, goal: 12),
      Kind.new(name: "sse", title: "streams of server-sent events", app: "sse", broadcasts: 7, floor: true),
      Kind.new(name: "streams_http2", title: "open streams on 10 connections of HTTP/2", app: "broadcast", streams: 1000,
               broadcasts: 70, connections: 10)
    ].to_h { |kind| [kind.name, kind] }.freeze

    # Streams of a first run that is not measured.
    WARM_UP = 200

    # The way in which a Penstock::Group holds the streams.
    GROUP = "Penstock::Group"

    # How much of the CPU that a loop in Ruby needs beyond the floor a group may need.
    GROUP_SHARE = 0.2

    # Which ways of streaming are measured of which server. Puma's streaming bodies are left out: each of them holds a
    # thread until it is closed.
    WAYS = {
      "send" => { "/stream" => "one for each message" },
      "penstock" => { "/stream" => "streaming body", "/hijack" => "partial hijack", "/group" => GROUP },
      Peers::BASELINE => { "/stream" => "streaming body", "/hijack" => "partial hijack" },
      "puma" => { "/hijack" => "partial hijack" },
      "falcon" => { "/stream" => "streaming body" },
      "itsi" => { "/stream" => "streaming body" }
    }.freeze

    # What keeps other servers from having any.
    FAULTS = { "iodine" => "sends nothing of a stream before its end" }.freeze

    # @param kind [Kind] which streams
    # @param options [Options] how many of them, and of which servers
    def initialize(kind, options)
      @kind = kind
      @options = options
      @count = kind.streams || options.connections
      @threads = options.threads.max
    end

    # Runs it.
    # @return [Report::Section] the table
    def run
      noise = Noise.new
      contestants = self.contestants
      runs = contestants.flat_map do |contestant|
        ways(contestant).map { |path, way| measure(contestant, path, way) }
      end
      table = StreamsTable.new(runs.reject(&:fault), @count).to_s
      text = [commands(contestants), *faults(runs), table, *@options.notes, noise.sentence, goal(runs), group_goal(runs)].compact.join("\n")
      Report::Section.new(@kind.name, "#{Table.number(@count)} #{@kind.title}, Ruby threads: #{@threads}", text)
    end

    private

    def contestants
      floor = Peers::SEND if @kind.floor && @options.peers.include?(Peers::HYPER)
      peers = @options.peers.select { |peer| WAYS.key?(peer.name) && peer.speaks?(workload) }
      [floor, *peers].compact.map { |peer| Contestant.new(peer, peer.thread_counts([@threads]).first, workload) }
    end

    def ways(contestant) = WAYS.fetch(contestant.peer.name)

    def workload = Workload.new(name: @kind.name, title: @kind.title, app: @kind.app, streams: (1 if @kind.connections))

    def commands(contestants)
      servers = contestants.map { |contestant| contestant.peer.to_shell(**contestant.options) }
      paths = contestants.flat_map { |contestant| ways(contestant).keys }.uniq.join("|")
      client = Client.to_shell("streams", "PORT", @count, paths, @kind.broadcasts, *@kind.connections)
      Table.commands(@options.command(@kind.name), *servers, client)
    end

    def faults(runs)
      measured = runs.select(&:fault).map { |run| [run.label, run.fault] }
      known = @options.peers.filter_map { |peer| [peer.full_title, FAULTS[peer.name]] if FAULTS.key?(peer.name) && peer.speaks?(workload) }
      (measured + known).map { |label, fault| "- #{label}: **#{fault}**\n" }
    end

    def measure(contestant, path, way)
      run = StreamsRun.new("#{contestant.peer.full_title}, #{way}")
      server = Server.new(contestant.peer, connections: @count, **contestant.options.except(:port))
      scenario(server, WARM_UP, path, StreamsRun.new("warm-up"))
      run.before(server)
      scenario(server, @count, path, run)
      run.after(server)
      run
    rescue Error => e
      run.fault = e.message
      run
    ensure
      server&.stop
    end

    def scenario(server, count, path, run)
      Client.run("streams", server.port, count, path, @kind.broadcasts, *@kind.connections, connections: count) do |client|
        run.opened(client.phase("open"), server)
        @kind.broadcasts.times { run.broadcasts << client.phase("broadcast") }
        run.broadcast_done(server)
        run.left = client.phase("leave")
        run.rest = client.phase("broadcast_to_rest")
        run.closed = client.phase("close")
        client.phase("end")
      end
    end

    def goal(runs)
      run = runs.find { |candidate| candidate.label.start_with?("Penstock,") && !candidate.fault }
      return unless run && @kind.goal

      bytes = run.bytes_a_stream(@count)
      Goal.sentence("at most #{@kind.goal} KB for an open stream of Penstock", "#{Table.number(bytes / 1000, 1)} KB",
                    bytes <= @kind.goal * 1000)
    end

    # What a delivery costs beyond the floor: by a group, and by a loop in Ruby over the same streams.
    def group_goal(runs)
      found = ["#{Peers::SEND.title},", GROUP, "streaming body"].map { |name| penstock_or_floor(runs, name) }
      return unless found.all?

      floor, group, loop = found.map(&:cpu_a_delivery)
      share = (group - floor) / (loop - floor)
      Goal.sentence("beyond a bare send(2), a delivery by #{GROUP} at most #{GROUP_SHARE} times the CPU of one by a loop in Ruby",
                    format("%.2f", share), share <= GROUP_SHARE)
    end

    def penstock_or_floor(runs, name)
      runs.find { |run| !run.fault && run.label.start_with?("Penstock,", Peers::SEND.title) && run.label.include?(name) }
    end
  end
end
