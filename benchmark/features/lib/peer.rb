# frozen_string_literal: true

require "rbconfig"

module Features
  # A server that is looked at.
  #
  # name: its gem; settings: what the report says of how it was started; variants: further documented options, each of which
  # is tried where a check fails without them (nil: there are none that could help); arguments: a callable that makes its command
  # line from port:, app: (a config.ru), processes: and tls: (nil, or the paths of a certificate and its key)
  Peer = Struct.new(:name, :settings, :variants, :arguments, keyword_init: true) do
    # @return [String] name and version
    def title = "#{name.capitalize} #{Gem.loaded_specs.fetch(name).version}"

    # @return [Array<String>] what to execute
    def command(**options) = [RbConfig.ruby, *arguments.call(**options)]

    # @return [Array<Peer>] this server, and this server with each of its variants
    def each_variant
      [self, *variants.to_a.map { |option| dup.tap { |peer| peer.arguments = ->(**given) { [*arguments.call(**given), *option.split] } } }]
    end
  end

  # Where the executable of a gem is.
  EXECUTABLE = ->(name) { Gem.bin_path(name == "itsi" ? "itsi-server" : name, name) }

  # The servers, each with 5 threads in one process and the settings that its documentation gives for that.
  PEERS = [
    Peer.new(
      name: "penstock", settings: "`-t 5 -e production`",
      arguments: lambda { |port:, app:, processes: nil, tls: nil|
        place = tls ? "ssl://127.0.0.1:#{port}?cert=#{tls[0]}&key=#{tls[1]}" : "tcp://127.0.0.1:#{port}"
        ["#{ROOT}/exe/penstock", "-q", "-t", "5", "-e", "production", "-b", place, *(["-w", processes.to_s] if processes), app]
      }
    ),
    Peer.new(
      name: "puma", settings: "`-t 5:5 -e production`",
      arguments: lambda { |port:, app:, processes: nil, tls: nil|
        place = tls ? "ssl://127.0.0.1:#{port}?cert=#{tls[0]}&key=#{tls[1]}" : "tcp://127.0.0.1:#{port}"
        [EXECUTABLE["puma"], "-q", "-C", "-", "-t", "5:5", "-e", "production", "-b", place, *(["-w", processes.to_s] if processes), app]
      }
    ),
    Peer.new(
      name: "falcon", settings: "`serve --count 1` (a fiber for each request, no pool of threads)", variants: ["--timeout 20"],
      arguments: lambda { |port:, app:, processes: 1, tls: nil|
        # Its own certificate for localhost is made by the server.
        place = "#{tls ? "https" : "http"}://localhost:#{port}"
        [EXECUTABLE["falcon"], "serve", "--count", processes.to_s, "--bind", place, "--config", app]
      }
    ),
    Peer.new(
      name: "iodine", settings: "`-t 5 -w 1`",
      arguments: lambda { |port:, app:, processes: 1, tls: nil|
        place = tls ? "https://127.0.0.1:#{port}/?cert=#{tls[0]}&key=#{tls[1]}" : "127.0.0.1:#{port}"
        [EXECUTABLE["iodine"], "-b", place, "-t", "5", "-w", processes.to_s, app]
      }
    ),
    Peer.new(
      name: "itsi", settings: "`--threads 5 --workers 1`", variants: %w[--stream-body --fiber_scheduler],
      arguments: lambda { |port:, app:, processes: 1, tls: nil|
        place = tls ? "https://127.0.0.1:#{port}?cert=#{tls[0]}&key=#{tls[1]}" : "http://127.0.0.1:#{port}"
        [EXECUTABLE["itsi"], "--threads", "5", "--workers", processes.to_s, "--rackup_file", app, "--bind", place]
      }
    )
  ].freeze
end
