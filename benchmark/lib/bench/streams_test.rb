# frozen_string_literal: true

module Bench
  # Thousands of open streams in one process: opened, broadcast to, half of them closed by the clients and half by the
  # server, while ordinary requests go on being answered.
  class StreamsTest
    # The test's name, and what it is.
    NAME = "streams"
    TITLE = "open streams"

    # Streams of a first run that is not measured.
    WARM_UP = 200

    # How often the client lets the application broadcast to all.
    BROADCASTS = 7

    # KB at most for each open stream of Penstock.
    GOAL = 24.0

    # Which way of streaming is measured of which server. Puma's streaming bodies are left out: each of them holds a
    # thread until it is closed.
    WAYS = [
      ["penstock", "/stream", "streaming body"],
      ["penstock", "/hijack", "partial hijack"],
      ["puma", "/hijack", "partial hijack"]
    ].freeze

    # @param options [Options] how many streams, and of which servers
    def initialize(options)
      @options = options
      @count = options.connections
      @threads = options.threads.max
    end

    # Runs it.
    # @return [Report::Section] the table
    def run
      noise = Noise.new
      ways = WAYS.select { |name,| @options.peers.include?(name) }
      runs = ways.map { |name, path, way| measure(Contestant.new(Peers[name], @threads, workload), path, way) }
      text = [commands(ways), *faults(runs), StreamsTable.new(runs.reject(&:fault), @count).to_s, noise.sentence,
              goal(runs)].compact.join("\n")
      Report::Section.new(NAME, "#{Table.number(@count)} #{TITLE}, #{@threads} Ruby threads", text)
    end

    private

    def workload = Workload.new(name: NAME, title: TITLE, app: "broadcast")

    def commands(ways)
      servers = ways.map(&:first).uniq.map do |name|
        Peers[name].to_shell(port: "PORT", threads: @threads, app: "broadcast")
      end
      paths = ways.map { _1[1] }.uniq.join("|")
      Table.commands(@options.command(NAME), *servers, Client.to_shell("streams", "PORT", @count, paths))
    end

    def faults(runs) = runs.select(&:fault).map { |run| "- #{run.label}: **#{run.fault}**\n" }

    def measure(contestant, path, way)
      run = StreamsRun.new("#{contestant.peer.name.capitalize}, #{way}")
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
      Client.run("streams", server.port, count, path, connections: count) do |client|
        run.opened(client.phase("open"), server)
        BROADCASTS.times { run.broadcasts << client.phase("broadcast") }
        run.broadcast_done(server)
        run.left = client.phase("leave")
        run.rest = client.phase("broadcast_to_rest")
        run.closed = client.phase("close")
        client.phase("end")
      end
    end

    def goal(runs)
      run = runs.find { |candidate| candidate.label.start_with?("Penstock") && !candidate.fault }
      return unless run

      bytes = run.bytes_a_stream(@count)
      Goal.sentence("at most #{GOAL.to_i} KB for an open stream of Penstock", "#{Table.number(bytes / 1000, 1)} KB",
                    bytes <= GOAL * 1000)
    end
  end
end
