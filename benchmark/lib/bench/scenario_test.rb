# frozen_string_literal: true

module Bench
  # Carries out a scenario with the servers in turn.
  class ScenarioTest
    # Connections and seconds of a first run that is not measured.
    WARM_UP = { clients: 20, seconds: 1 }.freeze

    # @param scenario [Scenario] what is done
    # @param options [Options] with which servers, and how often
    def initialize(scenario, options)
      @scenario = scenario
      @options = options
      @threads = options.threads.max
      @size = { clients: scenario.clients, seconds: scenario.seconds || options.seconds }
      @rounds = options.rounds(close: scenario.goals.any? { |goal| Goal.close?(goal.limit) })
    end

    # Runs it.
    # @return [Report::Section] the table
    def run
      noise = Noise.new
      @runs = contestants.to_h { |contestant| [contestant, ScenarioRun.new(contestant.label)] }
      measure
      table = Table.markdown(["server", *@scenario.columns.keys], @runs.each_value.map { |run| row(run) })
      notes = [*Machine.gems(@scenario.gems.to_a), *@options.notes, noise.sentence, goals].reject(&:empty?)
      Report::Section.new(@scenario.name, @scenario.title, [commands, table, *notes].join("\n"))
    end

    private

    def workload = Workload.new(name: @scenario.name, title: @scenario.title, app: @scenario.app, chunks: @scenario.chunks)

    def contestants
      peers = @options.peers.select { |peer| peer.rack || @scenario.chunks }
      peers.map { |peer| Contestant.new(peer, peer.thread_counts([@threads]).first, workload) }
    end

    def commands
      contestants = @runs.keys.reject { |contestant| known_fault(contestant.peer) }
      servers = contestants.map { |contestant| contestant.peer.to_shell(**contestant.options) }
      paths = contestants.filter_map { |contestant| path(contestant.peer) }.uniq.join("|")
      Table.commands(@options.command(@scenario.name), *servers, Client.to_shell(*words("PORT", path: paths, **@size)))
    end

    # Where a server's open streams are, in the first of its ways; nil where it has none, or none are needed.
    def path(peer) = (StreamsTest::WAYS.fetch(peer.name, {}).keys.first if @scenario.streams)

    # What keeps a server from having any, where they are needed; nil where nothing does.
    def known_fault(peer) = (StreamsTest::FAULTS[peer.name] if @scenario.streams)

    def words(port, **size) = [@scenario.program, port, *@scenario.arguments.call(**size)]

    def measure
      @servers = {}
      each_running { |contestant| start(contestant) }
      @rounds.times do
        each_running { |contestant, run| carry_out(@servers[contestant], run, path: path(contestant.peer), **@size) }
      end
    ensure
      @servers.each_value(&:stop)
    end

    # What goes wrong in the block becomes a server's fault, and it is left alone from then on.
    def each_running
      @runs.each do |contestant, run|
        yield contestant, run unless run.fault
      rescue Error => e
        run.fault = e.message
      end
    end

    def start(contestant)
      fault = known_fault(contestant.peer)
      raise Error, fault if fault

      server = Server.new(contestant.peer, connections: @scenario.clients, **contestant.options.except(:port))
      @servers[contestant] = server
      carry_out(server, ScenarioRun.new("warm-up"), path: path(contestant.peer), **WARM_UP)
    end

    def carry_out(server, run, **size)
      Client.run(*words(server.port, **size), connections: size[:clients]) do |client|
        spent = server.tree.cpu
        @scenario.phases.each do |name|
          figures, total = client.phase(name) { |phase| [phase, server.tree.cpu] }
          run.add(name, figures, total - spent)
          spent = total
        end
      end
      server.rest
    end

    # What is wrong stands in the place of the figures.
    def row(run)
      heads = @scenario.columns
      return [run.label, "**#{run.fault}**", *Array.new(heads.size - 1, Table::NOTHING)] if run.fault

      [run.label, *heads.each_value.map { |cell| cell.call(run) }]
    end

    def goals
      sound = @runs.reject { |_, run| run.fault }
      @scenario.goals.filter_map { |goal| goal.verdict(sound) }.join
    end
  end
end
