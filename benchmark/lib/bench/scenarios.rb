# frozen_string_literal: true

module Bench
  # What bench-client does with a server where a load test is not enough: requests at a fixed rate, and messages to many.
  #
  # name: as on the command line; title: what it is, in a few words; app: the file of benchmark/apps without ".ru"; chunks:
  # what bare hyper is asked for, nil where it has nothing like it; clients: how many connections it has to be able to hold;
  # streams: whether the application needs open streams, for which servers differ in their ways (StreamsTest::WAYS);
  # program: the first argument of bench-client; arguments: a callable that makes those behind the port from seconds:,
  # clients: and path: (of the stream); phases: a Hash with how often each of its phases comes, in their order; columns: a
  # Hash of a callable for each head of the table, which makes the cell of a ScenarioRun; gems: that the application needs,
  # whose versions are told
  Scenario = Struct.new(:name, :title, :app, :chunks, :clients, :streams, :program, :arguments, :phases, :columns,
                        :gems, keyword_init: true)

  # All scenarios.
  module Scenarios
    # Requests in a second of hello: far below what each server can do.
    RATE = 2000

    # Requests in a second of which one of a hundred computes for 200 ms, which together take 0.4 of a core.
    COMPUTING_RATE = 200

    # Messages in a second that ActionCable echoes.
    ECHO_RATE = 200

    # Messages to all that are open.
    BROADCASTS = 7

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
        name: "hello_rate", title: "one short body, #{Table.number(RATE)} requests a second at a fixed rate", app: "hello",
        chunks: "hello", clients: 64, program: "rate",
        arguments: ->(seconds:, clients:, **) { [RATE, seconds, clients] }, phases: { "open" => 1, "rate" => 1 },
        columns: {
          "CPU µs a request" => CPU["rate", :requests], "p50 ms" => MEDIAN["rate", :answer_p50],
          "p99 ms" => MEDIAN["rate", :answer_p99], "p99.9 ms" => MEDIAN["rate", :answer_p999],
          "slowest ms" => MEDIAN["rate", :answer_max], "errors" => FAILURES["rate", :failures]
        }
      ),
      Scenario.new(
        name: "cpu_bound", title: "#{COMPUTING_RATE} requests a second, 1% of which compute for 200 ms, beside 100 streams with heartbeats",
        app: "cpu_bound", clients: 100, streams: true, program: "cpu_bound",
        arguments: ->(seconds:, clients:, path:) { [COMPUTING_RATE, seconds, 64, clients, path] },
        phases: { "cpu_bound" => 1 },
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
        arguments: ->(seconds:, clients:, **) { [ECHO_RATE, seconds, clients, BROADCASTS] },
        phases: { "open_to_echo" => 1, "echo" => 1, "open" => 1, "broadcast" => BROADCASTS },
        columns: {
          "CPU µs an echo" => CPU["echo", :requests], "p50 of it, ms" => MEDIAN["echo", :answer_p50],
          "p99" => MEDIAN["echo", :answer_p99], "slowest" => MEDIAN["echo", :answer_max],
          "not echoed" => FAILURES["echo", :failures], **BROADCAST
        }
      ),
      Scenario.new(
        name: "message_bus", title: "MessageBus publishes to 1,000 long polls, which are chunked as its client asks", app: "message_bus",
        clients: 1000, gems: %w[message_bus], program: "message_bus", arguments: ->(clients:, **) { [clients, BROADCASTS] },
        phases: { "open" => 1, "broadcast" => BROADCASTS }, columns: BROADCAST
      )
    ].to_h { |scenario| [scenario.name, scenario] }.freeze
  end
end
