# frozen_string_literal: true

module Bench
  # Carries out a scenario with one server after the other.
  class ScenarioTest
    # Connections and seconds of a first run that is not measured.
    WARM_UP = { clients: 20, seconds: 1 }.freeze

    # @param scenario [Scenario] what is done
    # @param options [Options] with which servers; how many seconds in all
    def initialize(scenario, options)
      @scenario = scenario
      @options = options
      @threads = options.threads.max
      @size = { clients: scenario.clients, seconds: options.rounds * options.seconds }
    end

    # Runs it.
    # @return [Report::Section] the table
    def run
      noise = Noise.new
      contestants = self.contestants
      table = Table.markdown(["server", *@scenario.columns.keys], contestants.map { |contestant| row(measure(contestant)) })
      text = [commands(contestants), table, *Machine.gems(@scenario.gems.to_a), *@options.notes, noise.sentence].join("\n")
      Report::Section.new(@scenario.name, @scenario.title, text)
    end

    private

    def workload = Workload.new(name: @scenario.name, title: @scenario.title, app: @scenario.app, chunks: @scenario.chunks)

    def contestants
      peers = @options.peers.select { |peer| peer.rack || @scenario.chunks }
      peers.map { |peer| Contestant.new(peer, peer.thread_counts([@threads]).first, workload) }
    end

    def commands(contestants)
      contestants = contestants.reject { |contestant| known_fault(contestant.peer) }
      servers = contestants.map { |contestant| contestant.peer.to_shell(**contestant.options) }
      paths = contestants.filter_map { |contestant| path(contestant.peer) }.uniq.join("|")
      Table.commands(@options.command(@scenario.name), *servers, Client.to_shell(*words("PORT", path: paths, **@size)))
    end

    # Where a server's open streams are, in the first of its ways; nil where it has none, or none are needed.
    def path(peer) = (StreamsTest::WAYS.fetch(peer.name, {}).keys.first if @scenario.streams)

    # What keeps a server from having any, where they are needed; nil where nothing does.
    def known_fault(peer) = (StreamsTest::FAULTS[peer.name] if @scenario.streams)

    def words(port, **size) = [@scenario.program, port, *@scenario.arguments.call(**size)]

    def measure(contestant)
      run = ScenarioRun.new(contestant.label)
      path = path(contestant.peer)
      fault = known_fault(contestant.peer)
      raise Error, fault if fault

      server = Server.new(contestant.peer, connections: @scenario.clients, **contestant.options.except(:port))
      carry_out(server, ScenarioRun.new("warm-up"), path:, **WARM_UP)
      carry_out(server, run, path:, **@size)
      run
    rescue Error => e
      run.fault = e.message
      run
    ensure
      server&.stop
    end

    def carry_out(server, run, **size)
      Client.run(*words(server.port, **size), connections: size[:clients]) do |client|
        spent = server.tree.cpu
        @scenario.phases.each do |name, count|
          count.times do
            figures, total = client.phase(name) { |phase| [phase, server.tree.cpu] }
            run.add(name, figures, total - spent)
            spent = total
          end
        end
      end
    end

    # What is wrong stands in the place of the figures.
    def row(run)
      heads = @scenario.columns
      return [run.label, "**#{run.fault}**", *Array.new(heads.size - 1, Table::NOTHING)] if run.fault

      [run.label, *heads.each_value.map { |cell| cell.call(run) }]
    end
  end
end
