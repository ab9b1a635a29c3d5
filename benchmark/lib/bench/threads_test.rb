# frozen_string_literal: true

module Bench
  # What the number of Ruby threads does to Penstock: more of them answer more requests that wait, and cost those more that do not.
  class ThreadsTest
    # The test's name, and what it is.
    NAME = "threads"
    TITLE = "Penstock with few threads and with many"

    # Numbers of threads.
    THREADS = [1, 2, 5, 10, 16].freeze

    # The workloads: one that never waits, and one that does nothing else.
    SHORT, WAITING = %w[hello sleep].map { |name| Workloads::ALL.find { |workload| workload.name == name } }

    # @param options [Options] how many rounds, and how long a turn is
    def initialize(options)
      @options = options
    end

    # Runs it.
    # @return [Report::Section] the table and two plots
    def run
      noise = Noise.new
      short, waiting = [SHORT, WAITING].map { |workload| measure(workload) }
      rows = THREADS.zip(short, waiting)
      text = [commands(short + waiting), Table.markdown(heads, rows.map { |row| cells(*row) }), noise.sentence]
      Report::Section.new(NAME, TITLE, text.join("\n"), plots(rows))
    end

    private

    def measure(workload)
      contestants = THREADS.map { |threads| Contestant.new(Peers::PENSTOCK, threads, workload) }
      Turns.take(contestants, @options.rounds, @options)
      contestants
    end

    def commands(contestants)
      servers = contestants.map { |contestant| contestant.peer.to_shell(**contestant.options("PORT"), threads: THREADS.join("|")) }
      loads = [SHORT, WAITING].map { |workload| workload.load.to_shell(workload, @options.seconds) }
      Table.commands(@options.command(NAME), *servers.uniq, *loads)
    end

    def heads = ["threads", "CPU µs a hello", "least to most", "hellos/s", "requests/s that sleep for 10 ms", "CPU µs of one"]

    def cells(threads, short, waiting)
      fault = short.fault || waiting.fault
      return [threads, "**#{fault}**", *Array.new(heads.size - 2, Table::NOTHING)] if fault

      [threads, Table.figure(cpu(short)), short.cpu.minmax.map { Table.figure(_1) }.join(" to "),
       Table.number(rate(short)), Table.number(rate(waiting)), Table.figure(cpu(waiting))]
    end

    def plots(rows)
      rows = rows.reject { |_, short, waiting| short.fault || waiting.fault }
      return [] if rows.empty?

      waits, costs = rows.map { |threads, short, waiting| [[threads, rate(waiting)], [threads, cpu(short)]] }.transpose
      [plot("#{NAME}_waiting", "Requests that sleep for 10 ms", "requests a second", waits),
       plot("#{NAME}_short", "Requests that never wait", "CPU µs a request", costs)]
    end

    def plot(name, title, unit, points)
      LinePlot.new(name, "#{title}, against the number of threads", axes: ["threads", unit], ticks: THREADS,
                                                                    lines: { Peers::PENSTOCK.full_title => points })
    end

    def cpu(contestant) = Statistics.median(contestant.cpu)

    def rate(contestant) = Statistics.median(contestant.results.map { _1.requests / _1.seconds })
  end
end
