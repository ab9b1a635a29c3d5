# frozen_string_literal: true

require_relative "setting"

module Penstock
  # The table of settings: names, types with their units, defaults and what they do. No other place has a default.
  # nil switches a limit off where the type takes it.
  module SettingsTable
    type = SettingType
    kib = 1024
    mib = 1024 * kib
    row = Setting.method(:new)

    # Where to listen, and how the process behaves.
    process = [
      row[:environment, type::STRING, "development",
          "Name of the environment; development listens on loopback alone and drains for 2 seconds",
          flags: ["-e", "--environment NAME"], variables: %w[RACK_ENV RAILS_ENV]],
      row[:bind, type::URLS, [].freeze,
          "URLs to listen at: tcp://HOST:PORT, ssl://HOST:PORT?cert=…&key=…, unix:///PATH?umask=…&mode=…, fd://N",
          flags: ["-b", "--bind URL"], variables: %w[BIND]],
      row[:port, type::PORT, 9292,
          "Port where no bind is given, of both loopback addresses in development, else of all addresses",
          flags: ["-p", "--port N"], variables: %w[PORT]],
      row[:tls_dev, type::BOOLEAN, false,
          "TLS with a certificate for localhost, for the port and for each ssl://HOST:PORT that names no cert",
          flags: ["--tls-dev"]],
      row[:threads, type::THREADS, 5, "Threads that call the application (of MIN:MAX, MAX counts)",
          flags: ["-t", "--threads N"], variables: %w[RAILS_MAX_THREADS]],
      row[:workers, type.integer("a whole number from 0 on"), 0, "Processes to fork; 0 serves from this one",
          flags: ["-w", "--workers N"], variables: %w[WEB_CONCURRENCY], needs: "a cluster"],
      row[:quiet, type::BOOLEAN, false, "No lines about start and stop", flags: ["-q", "--quiet"]],
      row[:debug, type::BOOLEAN, false, "Backtraces of errors at the start, and the log level debug", flags: ["--debug"]],
      row[:log_level, type.choice(:debug, :info, :warn, :error), ->(values) { values[:debug] ? :debug : :info },
          "Least severity that is logged", flags: ["--log-level LEVEL"]],
      row[:access_log, type::LOG, false, "A line for each request: true (standard output), false or a path",
          flags: ["--access-log [FILE]"]],
      row[:error_log, type::PATH.or_nil, nil, "File for the server's own log; nil is standard error"],
      row[:pidfile, type::PATH.or_nil, nil, "File for the process id", flags: ["--pidfile FILE"]],
      row[:drain_timeout, type::SECONDS.or_nil, ->(values) { values[:environment] == "development" ? 2 : 30 },
          "Time that requests and streams have to end once the server stops"]
    ]

    # What one connection and one request may take.
    connection = [
      row[:tls_handshake_timeout, type::SECONDS.or_nil, 10, "Time for a TLS handshake"],
      row[:tls_min_version, type.choice(:"1.2", :"1.3"), :"1.2", "Oldest TLS version"],
      row[:first_byte_timeout, type::SECONDS.or_nil, 10, "Silence of a fresh connection; time for its PROXY header"],
      row[:header_timeout, type::SECONDS.or_nil, 30, "Time for a whole request head"],
      row[:keep_alive_timeout, type::SECONDS.or_nil, 65, "Idle time between two requests of a connection"],
      row[:max_requests_per_connection, type::COUNT.or_nil, nil, "Requests that a connection serves before it is closed"],
      row[:max_header_bytes, type::BYTES, 64 * kib, "Size of a request head; above it the answer is 431"],
      row[:max_header_fields, type::COUNT, 100, "Header fields of a request; above it the answer is 431"],
      row[:max_uri_bytes, type::BYTES, 8 * kib, "Length of a request target; above it the answer is 414"],
      row[:max_trailer_bytes, type::BYTES, 16 * kib, "Size of a request's trailers; above it the answer is 400"],
      row[:max_body_bytes, type::BYTES.or_nil, 1024 * mib, "Size of a request body; above it the answer is 413"],
      row[:body_memory_bytes, type::BYTES, 112 * kib, "Size of a request body above which it goes to a file"],
      row[:request_buffering, type::BOOLEAN, true, "Whether a request body is received whole before the application is called"],
      row[:body_timeout, type::SECONDS.or_nil, 30, "Silence in the middle of a request body"],
      row[:min_body_rate, type::RATE.or_nil, 500, "Least rate of a request body after its first 30 seconds"],
      row[:write_timeout, type::SECONDS.or_nil, 30, "Time in which a client takes nothing of what waits for it"],
      row[:min_write_rate, type::RATE.or_nil, 500, "Least rate at which a client takes a response after its first 30 seconds"],
      row[:send_buffer_bytes, type::BYTES, 256 * kib, "Bytes of a stream that may wait for its client"],
      row[:slow_consumer, type.choice(:block, :raise, :disconnect), :block,
          "What a write does once they wait: block, raise Penstock::SlowConsumerError, or disconnect the client"],
      row[:linger_timeout, type::SECONDS, 5, "Silence of a client whose connection is being closed before it has sent all"],
      row[:linger_total, type::SECONDS, 30, "Time in all for such a client"],
      row[:methods, type.choice(:known, :any), :known,
          "Request methods that are served: known (GET HEAD POST PUT DELETE OPTIONS TRACE PATCH) or any but CONNECT"],
      row[:underscore_headers, type.choice(:drop), :drop, "What becomes of request headers with _ in their name: they are dropped"],
      row[:early_hints, type::BOOLEAN, false,
          "Whether the application may send a 103 (rack.early_hints); proxies that take it for the answer are still about",
          flags: ["--early-hints"]],
      row[:trusted_proxies, type::PROXIES, %w[127.0.0.0/8 ::1 unix].freeze,
          'Peers whose X-Forwarded-Proto sets the scheme, and whose PROXY header counts: addresses, networks, "unix"'],
      row[:proxy_protocol, type::BOOLEAN, false,
          "Whether connections of trusted_proxies, and they alone, have to begin with a PROXY header (version 1 or 2)"]
    ]

    # HTTP/2.
    http2 = [
      row[:alpn, type::PROTOCOLS, %w[h2 http/1.1].freeze,
          "Protocols that TLS offers, best first; without h2 there is no HTTP/2, on plaintext neither"],
      row[:http2_extended_connect, type::BOOLEAN, true,
          "Whether WebSockets come by an extended CONNECT (RFC 8441), which applications see as an upgrade of HTTP/1.1"],
      row[:http2_max_streams, type::COUNT, 100, "Open streams of a connection"],
      row[:http2_stream_window, type::WINDOW, 256 * kib, "Receive window of a stream"],
      row[:http2_connection_window, type::WINDOW, mib, "Receive window of a connection"],
      row[:http2_ping_interval, type::SECONDS.or_nil, 20, "Silence of a connection with open streams after which a PING is sent"],
      row[:http2_ping_timeout, type::SECONDS, 20, "Time for the answer to a PING"],
      row[:http2_max_pending_resets, type::COUNT, 20,
          "Streams that the client has reset before they were looked at; above it the connection ends"],
      row[:http2_max_local_resets, type::COUNT, 256,
          "Streams that were reset for the client's own errors; above it the connection ends"]
    ]

    # What all connections of the process share.
    shared = [
      row[:max_connections, type::COUNT.or_nil, nil,
          "Connections of the process, hijacked ones included; nil: the hard limit of descriptors less 128, to 65,536"],
      row[:queue_size, type::COUNT, 1024, "Requests that wait for a thread; above it the answer is 503"],
      row[:queue_timeout, type::SECONDS.or_nil, 30, "Time that a request waits for a thread; after it the answer is 503"],
      row[:backlog, type.integer("a whole number from 1 to 65535", least: 1, most: 65_535), 1024,
          "Connections that the kernel keeps until they are accepted"]
    ]

    # Named here so that a configuration can be checked; refused away from their defaults until what they need is there.
    awaited = [
      row[:boot_timeout, type::SECONDS.or_nil, 60, "Time for a worker process to start", needs: "a cluster"],
      row[:worker_timeout, type::SECONDS.or_nil, 60, "Silence of a worker process after which it is killed", needs: "a cluster"],
      row[:worker_check_interval, type::SECONDS, 5, "Time between two looks at the worker processes", needs: "a cluster"],
      row[:respawn_backoff, type::SECONDS_RANGE, 0.1..5, "First and longest pause before a worker is started again",
          needs: "a cluster"]
    ]

    # @return [Hash{Symbol => Setting}] every setting by its name.
    ROWS = [*process, *connection, *http2, *shared, *awaited].to_h { |setting| [setting.name, setting] }.freeze
  end
end
