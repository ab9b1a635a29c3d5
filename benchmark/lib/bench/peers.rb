# frozen_string_literal: true

require "rbconfig"

module Bench
  # The servers. The settings of each are those that its documentation advises for one process.
  module Peers
    # Where the native programs are built.
    NATIVE = File.join(ROOT, "target/benchmark/release")

    # The file of an application. With its whole path: Falcon takes another one for one beside its file of settings.
    APP = ->(name) { File.join(ROOT, "benchmark/apps/#{name}.ru") }

    # An address as Penstock and Puma take it.
    BIND = lambda { |port, tls|
      tls ? "ssl://127.0.0.1:#{port}?cert=#{tls[0]}&key=#{tls[1]}" : "tcp://127.0.0.1:#{port}"
    }

    # An address as a URL.
    URL = ->(port, tls) { "#{tls ? "https" : "http"}://127.0.0.1:#{port}" }

    # A URL with the certificate and its key.
    URL_WITH_FILES = ->(port, tls) { "#{URL[port, tls]}#{"?cert=#{tls[0]}&key=#{tls[1]}" if tls}" }

    # The executable of a gem, by the Ruby that runs this.
    EXECUTABLE = ->(gem, name = gem) { [RbConfig.ruby, Gem.bin_path(gem, name)] }

    # Servers that are told so by the environment only.
    PRODUCTION = ->(**) { { "RACK_ENV" => "production" } }

    # hyper with nothing behind it.
    HYPER = Peer.new(
      name: "hyper", title: "bare hyper", rack: nil, http2: true,
      arguments: lambda { |port:, chunks:, http2: false, tls: nil, **|
        [File.join(NATIVE, "bare-hyper"), port.to_s, chunks.to_s, http2 ? "http2" : "http1", *tls]
      }
    )

    # A bare send(2) for each message to each stream. It can do nothing else, and is measured beside bare hyper there alone.
    SEND = Peer.new(
      name: "send", title: "bare send(2)", rack: nil,
      arguments: ->(port:, **) { [File.join(NATIVE, "bare-send"), port.to_s] }
    )

    # Penstock as it is installed: no setting but the number of threads.
    PENSTOCK = Peer.new(
      name: "penstock", http2: true,
      arguments: lambda { |port:, threads:, app:, tls: nil, **|
        [RbConfig.ruby, "#{ROOT}/exe/penstock", "-q", "-b", BIND[port, tls], "-t", threads.to_s, "-e", "production", APP[app]]
      }
    )

    # A fixed number of threads, requests queued in front of them (its default), no log of requests, and no file of
    # configuration that might lie around.
    PUMA = Peer.new(
      name: "puma", gem: "puma",
      arguments: lambda { |port:, threads:, app:, tls: nil, **|
        [*EXECUTABLE["puma"], "-q", "-C", "-", "-b", BIND[port, tls], "-t", "#{threads}:#{threads}", "-e", "production", APP[app]]
      }
    )

    # One process of workers, which has a fiber for each request and no number of threads.
    FALCON = Peer.new(
      name: "falcon", gem: "falcon", rack: :fibers, http2: true,
      environment: lambda { |port:, app:, tls: nil, **|
        files = tls ? { "BENCH_CERTIFICATE" => tls[0], "BENCH_KEY" => tls[1] } : {}
        { **PRODUCTION.call, "BENCH_URL" => URL[port, tls], "BENCH_APP" => APP[app], **files }
      },
      arguments: ->(**) { [*EXECUTABLE["falcon"], "host", "#{ROOT}/benchmark/falcon.rb"] }
    )

    # Answers are not compressed, as none of the other servers does.
    IODINE = Peer.new(
      name: "iodine", gem: "iodine", environment: PRODUCTION,
      arguments: lambda { |port:, threads:, app:, tls: nil, **|
        [*EXECUTABLE["iodine"], "-b", URL_WITH_FILES[port, tls], "-t", threads.to_s, "-w", "1", "-no-dynd", APP[app]]
      }
    )

    # With bodies that leave as they are written, as with the other servers; what its command line does not have stands in
    # its file of settings.
    ITSI = Peer.new(
      name: "itsi", gem: "itsi", http2: true, environment: PRODUCTION,
      arguments: lambda { |port:, threads:, app:, tls: nil, **|
        [*EXECUTABLE["itsi-server", "itsi"], "-C", "#{ROOT}/benchmark/itsi.rb", "--threads", threads.to_s, "--workers", "1",
         "--stream-body", "--rackup_file", APP[app], "--bind", URL_WITH_FILES[port, tls]]
      }
    )

    # The name of Penstock of another work tree.
    BASELINE = "penstock-before"

    # All of them.
    ALL = [HYPER, PENSTOCK, PUMA, FALCON, IODINE, ITSI].freeze

    # Their names.
    NAMES = ALL.map(&:name).freeze

    # @param name [String] one of NAMES
    # @return [Peer] the server of that name
    def self.[](name) = ALL.find { |peer| peer.name == name }

    # @return [Array<Peer>] those that can be had on this Ruby
    def self.available = ALL.select(&:available?)

    # Penstock of another work tree that is compiled already, with the gems of this one.
    # @param folder [String] the work tree
    # @return [Peer] it
    # @raise [Error] where there is none, or it is not compiled for this Ruby
    def self.baseline(folder)
      root = File.expand_path(folder)
      unless File.exist?(File.join(root, "lib/penstock/#{RUBY_VERSION[/\d+\.\d+/]}/penstock.so"))
        raise Error, "#{folder} has no Penstock that is compiled for this Ruby: type bin/env rake compile there"
      end

      peer = PENSTOCK.dup
      peer.name = BASELINE
      peer.title = "Penstock before"
      peer.root = root
      peer.note = "Penstock before is #{Machine.commit(root)}."
      peer.arguments = lambda { |**options|
        ruby, _program, *rest = PENSTOCK.command(**options)
        [ruby, "-I#{root}/lib", "#{root}/exe/penstock", *rest]
      }
      peer
    end
  end
end
