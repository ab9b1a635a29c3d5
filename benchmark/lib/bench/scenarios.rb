# frozen_string_literal: true

module Bench
  # What bench-client does with a server where a load test is not enough: requests at a fixed rate, and messages to many. It is
  # done once in each round.
  #
  # name: as on the command line; title: what it is, in a few words; app: the file of benchmark/apps without ".ru"; chunks:
  # what bare hyper is asked for, nil where it has nothing like it; clients: how many connections it has to be able to hold;
  # streams: whether the application needs open streams, for which servers differ in their ways (StreamsTest::WAYS);
  # program: the first argument of bench-client; arguments: a callable that makes those behind the port from seconds:,
  # clients: and path: (of the stream); seconds: of a turn, nil for as long as the command line says; phases: Array of the names of
  # its phases, in their order; columns: a Hash of a callable for each head of the table, which makes the cell of a
  # ScenarioRun; goals: Array of ScenarioGoal; gems: that the application needs, whose versions are told
  Scenario = Struct.new(:name, :title, :app, :chunks, :clients, :streams, :program, :arguments, :seconds, :phases, :columns,
                        :goals, :gems, keyword_init: true) do
    # Without goals there are none.
    def initialize(goals: [], **) = super
  end

  # That a figure of Penstock is at most so many times that of Puma.
  #
  # title: what the figure is; phase: in which it was measured; key: the figure; limit: the ratio at most
  ScenarioGoal = Struct.new(:title, :phase, :key, :limit, keyword_init: true) do
    # @param runs [Hash{Contestant => ScenarioRun}] what was measured
    # @return [String, nil] a sentence about it; nil where one of the two was not measured
    def verdict(runs)
      one, other = %w[penstock puma].map { |name| runs.find { |contestant,| contestant.peer.name == name } }
      ratios = one && other ? Statistics.ratios(*[one, other].map { |_, run| run.values(phase, key) }) : []
      Goal.judge("#{title}, #{one.first.label} at most #{limit} times #{other.first.label}", ratios, limit) if ratios.any?
    end
  end

  # All scenarios.
  module Scenarios
    # Requests in a second of which one of a hundred computes for 200 ms, which together take 0.4 of a core.
    COMPUTING_RATE = 200

    # Messages in a second that ActionCable echoes.
    ECHO_RATE = 200

    # A cell with a median.
    MEDIAN = ->(phase, key) { ->(run) { Table.figure(run.median(phase, key)) } }

    # A cell with what should be 0.
    FAILURES = ->(phase, key) { ->(run) { Table.failures(run.sum(phase, key)) } }

    # A cell with microseconds of CPU.
    CPU = ->(phase, key) { ->(run) { Table.figure(run.cpu(phase, key)) } }

    # The columns of a broadcast.
    BROADCAST = {
      "CPU µs a delivery" => CPU["broadcast", :deliveries],
      "deliveries/s" => ->(run) { Table.number(run.sum("broadcast", :deliveries) / run.sum("broadcast", :seconds)) },
      "lag of the middle one, ms" => MEDIAN["broadcast", :lag_p50],
      "lag of the last, ms" => MEDIAN["broadcast", :lag_max],
      "lost or out of order" => lambda { |run|
        lost = run.sum("broadcast", :expected) - run.sum("broadcast", :deliveries)
        Table.failures(lost + run.sum("broadcast", :strays))
      }
    }.freeze

    # All by the names of their tests, in the order in which they run.
    ALL = [
      Scenario.new(
        name: "cpu_bound", title: "#{COMPUTING_RATE} requests a second, 1% of which compute for 200 ms, beside 100 streams with heartbeats",
        app: "cpu_bound", clients: 100, streams: true, program: "cpu_bound",
        arguments: ->(seconds:, clients:, path:) { [COMPUTING_RATE, seconds, 64, clients, path] },
        seconds: 2, phases: %w[cpu_bound],
        goals: [ScenarioGoal.new(title: "p99 of hello beside requests that compute", phase: "cpu_bound", key: :answer_p99, limit: 0.9)],
        columns: {
          "p50 of hello, ms" => MEDIAN["cpu_bound", :answer_p50], "p99" => MEDIAN["cpu_bound", :answer_p99],
          "p99.9" => MEDIAN["cpu_bound", :answer_p999], "slowest" => MEDIAN["cpu_bound", :answer_max],
          "errors" => FAILURES["cpu_bound", :failures],
          "jitter of heartbeats: p50, ms" => MEDIAN["cpu_bound", :jitter_p50], "p99 of it" => MEDIAN["cpu_bound", :jitter_p99],
          "most" => MEDIAN["cpu_bound", :jitter_max], "heartbeats" => ->(run) { Table.number(run.sum("cpu_bound", :beats)) },
          "streams ended" => FAILURES["cpu_bound", :ended]
        }
      ),
      Scenario.new(
        name: "cable", title: "ActionCable: #{ECHO_RATE} echoes a second at a fixed rate, and broadcasts to 1,000 WebSockets",
        app: "cable", clients: 1000, gems: %w[rails], program: "cable",
        arguments: ->(seconds:, clients:, **) { [ECHO_RATE, seconds, clients, 1] },
        phases: %w[open_to_echo echo open broadcast],
        columns: {
          "CPU µs an echo" => CPU["echo", :requests], "p50 of it, ms" => MEDIAN["echo", :answer_p50],
          "p99" => MEDIAN["echo", :answer_p99], "slowest" => MEDIAN["echo", :answer_max],
          "not echoed" => FAILURES["echo", :failures], **BROADCAST
        }
      ),
      Scenario.new(
        name: "message_bus", title: "MessageBus publishes to 1,000 long polls, which are chunked as its client asks", app: "message_bus",
        clients: 1000, gems: %w[message_bus], program: "message_bus", arguments: ->(clients:, **) { [clients, 1] },
        phases: %w[open broadcast], columns: BROADCAST
      )
    ].to_h { |scenario| [scenario.name, scenario] }.freeze
  end
end
