# frozen_string_literal: true

module Bench
  # What the number of Ruby threads does to Penstock: more of them answer more requests that wait, and may cost those more that do not.
  class ThreadsTest
    # The test's name, and what it is.
    NAME = "threads"
    TITLE = "Penstock with few threads and with many"

    # Numbers of threads.
    THREADS = [1, 2, 5, 10, 16].freeze

    # The scenario in which one request of a hundred computes.
    COMPUTING = Scenarios::ALL.fetch("cpu_bound")

    # Rounds of everything: what is to be seen is no matter of a few percent.
    ROUNDS = 3

    # The workloads: one that never waits, and one that does nothing else.
    SHORT, WAITING = %w[hello sleep].map { |name| Workloads::ALL.find { |workload| workload.name == name } }

    # @param options [Options] how many rounds at most, and how long a turn is
    def initialize(options)
      @options = options
      @rounds = [ROUNDS, options.rounds].min
    end

    # Runs it.
    # @return [Report::Section] the table and three plots
    def run
      noise = Noise.new
      short, waiting = [SHORT, WAITING].map { |workload| measure(workload) }
      rows = THREADS.zip(short, waiting, THREADS.map { |threads| beside_computing(threads) })
      text = [commands(short + waiting), Table.markdown(heads, rows.map { |row| cells(*row) }), noise.sentence]
      Report::Section.new(NAME, TITLE, text.join("\n"), plots(rows))
    end

    private

    def measure(workload)
      contestants = THREADS.map { |threads| Contestant.new(Peers::PENSTOCK, threads, workload) }
      Turns.take(contestants, @rounds, @options)
      contestants
    end

    # Milliseconds: p99 of the requests that do not compute.
    def beside_computing(threads)
      server = Server.new(Peers::PENSTOCK, threads:, app: COMPUTING.app)
      rounds = Array.new(@rounds) do
        Client.run(*computing(server.port), connections: COMPUTING.clients) { |client| client.phase("cpu_bound")[:answer_p99] }
      end
      Statistics.median(rounds)
    ensure
      server&.stop
    end

    def computing(port)
      [COMPUTING.program, port, *COMPUTING.arguments.call(seconds: COMPUTING.seconds, clients: COMPUTING.clients, path: "/stream")]
    end

    def commands(contestants)
      options = contestants.map { |contestant| contestant.options("PORT") } << { port: "PORT", app: COMPUTING.app }
      servers = options.map { |one| Peers::PENSTOCK.to_shell(**one, threads: THREADS.join("|")) }
      loads = [*[SHORT, WAITING].map { |workload| workload.load.to_shell(workload, @options.seconds) }, Client.to_shell(*computing("PORT"))]
      Table.commands(@options.command(NAME), *servers.uniq, *loads)
    end

    def heads
      ["threads", "CPU µs a hello", "least to most", "hellos/s", "requests/s that sleep for 10 ms", "CPU µs of one",
       "p99 ms of hello beside 1% that compute for 200 ms"]
    end

    def cells(threads, short, waiting, computing)
      fault = short.fault || waiting.fault
      return [threads, "**#{fault}**", *Array.new(heads.size - 2, Table::NOTHING)] if fault

      [threads, Table.figure(cpu(short)), short.cpu.minmax.map { Table.figure(_1) }.join(" to "),
       Table.number(rate(short)), Table.number(rate(waiting)), Table.figure(cpu(waiting)), Table.figure(computing)]
    end

    def plots(rows)
      rows = rows.reject { |_, short, waiting| short.fault || waiting.fault }
      return [] if rows.empty?

      waits, costs, tails = rows.map do |threads, short, waiting, computing|
        [[threads, rate(waiting)], [threads, cpu(short)], [threads, computing]]
      end.transpose
      [plot("#{NAME}_waiting", "Penstock: requests that sleep for 10 ms", "requests a second", waits),
       plot("#{NAME}_short", "Penstock: requests that never wait", "CPU µs a request", costs),
       plot("#{NAME}_computing", "Penstock: short requests beside 1% that compute for 200 ms", "p99 in ms", tails)]
    end

    def plot(name, title, unit, points)
      LinePlot.new(name, "#{title}, against the number of threads", axes: ["threads", unit], ticks: THREADS,
                                                                    lines: { Peers::PENSTOCK.full_title => points })
    end

    def cpu(contestant) = Statistics.median(contestant.cpu)

    def rate(contestant) = Statistics.median(contestant.results.map { _1.requests / _1.seconds })
  end
end
