# frozen_string_literal: true

require "bundler"
require "spec_helper"

# TLS for who develops: a certificate for this machine, which the server makes and keeps.
RSpec.describe "TLS with --tls-dev" do
  let(:cache) { temporary_folder }
  let(:certificate) { File.join(cache, "penstock", "localhost.pem") }
  let(:key) { File.join(cache, "penstock", "localhost.key") }

  def start(*args, **options)
    config_ru = 'run ->(env) { [200, {}, [env["rack.url_scheme"]]] }'
    spawn_server(config_ru, args: ["--tls-dev", *args], env: { "XDG_CACHE_HOME" => cache }, **options)
  end

  # A client that trusts the file alone, and that expects `host` of it.
  def trusting(url, host, **options)
    tls = { verify_mode: OpenSSL::SSL::VERIFY_PEER, ca_file: certificate, **options }
    connect(url, **tls).tap { |client| client.socket.ssl.post_connection_check(host) }
  end

  # The certificate that a server of these arguments shows to a client that trusts the file.
  def shown(*args)
    server = start("-p", "0", *args)
    trusting(server.url, "localhost").socket.ssl.peer_cert.to_der
  end

  it "serves the default place with a certificate that is for each name of it, once it is trusted" do
    ipv6 = Socket.ip_address_list.any?(&:ipv6_loopback?) ? ["-b", "ssl://[::1]:0"] : []
    server = start("-b", "ssl://127.0.0.1:0", *ipv6)
    eventually { server.output.scan("Listening on").size == 1 + (ipv6.size / 2) }
    server.output.scan(%r{https://(\[::1\]|127\.0\.0\.1):(\d+)}).each do |host, port|
      ["localhost", host.delete("[]")].each do |name|
        client = trusting("https://#{host}:#{port}", name)
        expect(client.write(request_bytes("GET", "/")).read_response.body).to eq("https")
      end
    end
    expect { trusting(server.url, "app.example") }.to raise_error(TlsSocket::Refused, /does not match/)
    expect { trusting(server.url, "localhost", ca_file: nil) }.to raise_error(TlsSocket::Refused, /certificate verify failed/)
  end

  it "serves the port where nothing is bound, and says where, and how to trust it" do
    server = start("-p", "0")
    expect(server.output.lines(chomp: true)[1..]).to match [
      a_string_starting_with("To have the browser trust localhost, type: ").and(end_with(" #{certificate}")),
      a_string_matching(%r{\AListening on https://127\.0\.0\.1:\d+\z})
    ]
    expect(trusting(server.url, "localhost", alpn_protocols: %w[h2 http/1.1]).socket.ssl.alpn_protocol).to eq("h2")
  end

  it "leaves the places alone that name a certificate, or have no TLS" do
    certificates = Certificates.new(temporary_folder)
    server = start("-b", certificates.bind(certificates.issue("server")), "-b", "tcp://127.0.0.1:0", "-b", "ssl://127.0.0.1:0")
    eventually { server.output.scan("Listening on").size == 3 }
    own, plain, development = server.output.scan(/^Listening on (\S+)/).flatten
    expect { trusting(own, "localhost") }.to raise_error(TlsSocket::Refused, /certificate verify failed/)
    expect(get(plain, "/").body).to eq("http")
    expect(get(development, "/").body).to eq("https")
  end

  it "keeps the key for this user alone" do
    start("-p", "0")
    expect(File.stat(key).mode & 0o777).to eq(0o600)
  end

  it "uses the same certificate at each start, also at two that come at once" do
    servers = Array.new(2) { start("-p", "0", ready: nil) }.each(&:wait_until_ready)
    shown_by = servers.map { |server| trusting(server.url, "localhost").socket.ssl.peer_cert.to_der }
    expect([*shown_by, shown].uniq.size).to eq(1)
  end

  # A pair as the server makes it, which has ended.
  def write_expired
    pair = OpenSSL::PKey::EC.generate("prime256v1")
    old = OpenSSL::X509::Certificate.new(File.read(certificate))
    old.public_key = pair
    old.not_before = Time.now - 3600
    old.not_after = Time.now - 60
    old.sign(pair, "SHA256")
    File.write(certificate, old.to_pem)
    File.write(key, pair.private_to_pem)
  end

  {
    "has ended" => :write_expired,
    "cannot be read" => -> { File.write(certificate, File.read(certificate)[0, 200]) },
    "has lost its key" => -> { File.delete(key) }
  }.each do |what, breaks|
    it "replaces one that #{what}" do
      before = shown
      breaks.is_a?(Symbol) ? send(breaks) : instance_exec(&breaks)
      broken = [certificate, key].map { |path| File.binread(path) if File.exist?(path) }
      expect([before, *broken]).not_to include(shown, File.binread(certificate), File.binread(key))
    end
  end

  it "says in one line where it cannot be kept" do
    File.write(File.join(cache, "penstock"), "a file")
    server = start("-p", "0", ready: nil)
    expect(server.wait(ChildServer::BOOT_TIMEOUT).exitstatus).to eq(1)
    expect(server.output.lines).to match [
      a_string_starting_with("penstock: the certificate for localhost cannot be kept in #{cache}/penstock").and(include("XDG_CACHE_HOME"))
    ]
  end

  # Where nothing is built yet, it builds first.
  it "is what bin/serve --tls has", limit: 900 do
    setup = ENV["PENSTOCK_CACHE"] || File.join(ENV["XDG_CACHE_HOME"] || File.join(Dir.home, ".cache"), "penstock")
    env = { "PENSTOCK_CACHE" => setup, "XDG_CACHE_HOME" => cache, "PORT" => "0" }
    server = Bundler.with_original_env { ChildServer.new(%w[bin/serve --tls], env: env, chdir: ServerHelper::ROOT) }
    servers << server
    eventually(600) { server.output.match?(ChildServer::START_LINE) || server.ended? }
    server.wait_until_ready
    expect(server.url).to start_with("https://127.0.0.1:")
    client = trusting(server.url, "localhost").write(request_bytes("GET", "/", headers: { "host" => "localhost" }))
    expect(client.read_response.body).to include("Nobody has said anything yet")
  end
end
