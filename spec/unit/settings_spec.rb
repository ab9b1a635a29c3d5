# frozen_string_literal: true

require "spec_helper"
require "penstock/settings"

RSpec.describe Penstock::Settings do
  describe "defaults" do
    {
      environment: "development", bind: [], port: 9292, tls_dev: false, threads: 5, workers: 0, quiet: false, debug: false,
      log_level: :info, access_log: false, error_log: nil, pidfile: nil, drain_timeout: 2,
      tls_handshake_timeout: 10, first_byte_timeout: 10, header_timeout: 30, body_timeout: 30, min_body_rate: 500,
      write_timeout: 30, min_write_rate: 500, keep_alive_timeout: 65, max_requests_per_connection: nil,
      max_header_bytes: 65_536, max_header_fields: 100, max_uri_bytes: 8192, max_trailer_bytes: 16_384,
      max_body_bytes: 1_073_741_824, body_memory_bytes: 114_688, request_buffering: true,
      http2_extended_connect: true, http2_max_streams: 100, http2_stream_window: 262_144, http2_connection_window: 1_048_576,
      http2_ping_interval: 20, http2_ping_timeout: 20, http2_max_pending_resets: 20, http2_max_local_resets: 256,
      send_buffer_bytes: 262_144, slow_consumer: :block, linger_timeout: 5, linger_total: 30,
      queue_size: 1024, queue_timeout: 30, backlog: 1024, boot_timeout: 60, worker_timeout: 60, worker_check_interval: 5,
      respawn_backoff: 0.1..5, tls_min_version: :"1.2", alpn: %w[h2 http/1.1], underscore_headers: :drop, early_hints: false,
      trusted_proxies: %w[127.0.0.0/8 ::1 unix], proxy_protocol: false, methods: :known
    }.each do |name, value|
      it("has #{name} at #{value.inspect}") { expect(described_class.new.public_send(name)).to eq value }
    end

    it "drains for 30 seconds outside of development" do
      expect(described_class.new(environment: "production").drain_timeout).to eq 30
    end

    it "logs everything with debug" do
      expect(described_class.new(debug: true).log_level).to eq :debug
    end

    it "leave the number of connections to what descriptors allow" do
      expect(described_class.new.max_connections).to be_nil
    end

    it "are values that the types take themselves" do
      settings = described_class.new
      expect(described_class.new(**settings.to_h).to_h).to eq settings.to_h
    end
  end

  it "has words for every row" do
    expect(described_class.table.values.map(&:doc)).to all match(/\A[A-Z].{10,109}\z/)
  end

  it "is frozen, with its values" do
    settings = described_class.new(bind: ["tcp://127.0.0.1:0"])
    expect([settings, settings.bind, settings.trusted_proxies]).to all be_frozen
    settings.to_h[:threads] = 9
    expect(settings.threads).to eq 5
  end

  it "switches limits off with nil" do
    expect(described_class.new(write_timeout: nil, max_body_bytes: nil, drain_timeout: nil).to_h)
      .to include(write_timeout: nil, max_body_bytes: nil, drain_timeout: nil)
  end

  it "guesses what an unknown name was meant to be" do
    expect { described_class.new(thread: 1) }
      .to raise_error(Penstock::ConfigurationError, "unknown setting thread: did you mean threads? `penstock --check` lists all")
  end

  it "refuses more than this process" do
    expect { described_class.new(workers: 2) }.to raise_error(Penstock::ConfigurationError, /\Aworkers: 2 needs a cluster/)
  end

  describe "#binds" do
    it "is what was bound, with the backlog of the settings" do
      settings = described_class.new(bind: ["tcp://127.0.0.1:1?backlog=2", "unix:///a"], backlog: 9, port: 80)
      expect(settings.binds.map { |bind| [bind.to_s, bind.backlog] }).to eq [["tcp://127.0.0.1:1", 2], ["unix:///a", 9]]
    end

    it "is the port on loopback in development" do
      expect(described_class.new(port: 80).binds.map(&:host)).to include("127.0.0.1").and all(eq("127.0.0.1").or(eq("::1")))
    end

    it "is the port on all addresses elsewhere" do
      binds = described_class.new(port: 80, environment: "test").binds
      expect(binds.map(&:to_s)).to eq(%w[tcp://0.0.0.0:80 tcp://[::]:80]).or eq(%w[tcp://0.0.0.0:80])
    end

    it "is no address twice" do
      binds = described_class.new(bind: %w[tcp://127.0.0.1:80 tcp://localhost:80 unix:///a unix:///a]).binds
      expect(binds.map(&:to_s) - ["tcp://[::1]:80"]).to eq %w[tcp://127.0.0.1:80 unix:///a]
    end

    it "is a port of its own for each place of port 0 that differs" do
      ports = %w[tcp://127.0.0.1:0 tcp://127.0.0.1:0 ssl://127.0.0.1:0?cert=a&key=b ssl://127.0.0.1:0?cert=c&key=d]
      expect(described_class.new(bind: ports).binds.map { |bind| bind.certificates&.flatten&.map { |path| File.basename(path) } })
        .to eq [nil, %w[a b], %w[c d]]
    end

    describe "with tls_dev" do
      let(:pair) { Penstock::DevelopmentCertificate.paths }

      def binds(**settings) = described_class.new(tls_dev: true, **settings).binds

      it "is the port with the certificate for localhost" do
        expect(binds(port: 0)).to match [have_attributes(to_s: "ssl://127.0.0.1:0", certificates: [pair], verify: :none)]
        expect(binds(port: 0, environment: "test")).to all have_attributes(kind: :ssl, certificates: [pair])
      end

      it "gives that certificate to what is bound as ssl:// without one, and to nothing else" do
        urls = %w[ssl://127.0.0.1:1?verify=optional&ca=/ca ssl://127.0.0.1:2?cert=/c&key=/k tcp://127.0.0.1:3]
        expect(binds(bind: urls).map { |bind| [bind.kind, bind.certificates, bind.verify] })
          .to eq [[:ssl, [pair], :optional], [:ssl, [%w[/c /k]], :none], [:tcp, nil, nil]]
      end

      it "is refused where nothing would have it, and where a cert has no key" do
        expect { binds(bind: %w[tcp://127.0.0.1:1 unix:///a]) }
          .to raise_error(Penstock::ConfigurationError, %r{\Atls_dev: it has no effect on tcp://127\.0\.0\.1:1, unix:///a; bind ssl://})
        expect { binds(bind: "ssl://127.0.0.1:1?cert=c") }.to raise_error(Penstock::ConfigurationError, /each cert needs a key/)
        expect { binds(bind: "ssl://127.0.0.1:1?key=k") }.to raise_error(Penstock::ConfigurationError, /needs a certificate/)
      end
    end

    it "is looked at before the server starts" do
      expect { described_class.new(bind: "localhost:1") }.to raise_error(Penstock::ConfigurationError, /write it as tcp:/)
    end
  end
end
