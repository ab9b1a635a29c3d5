# frozen_string_literal: true

require "spec_helper"

# robustness.md, line 14: who is let in, and with what.
RSpec.describe "TLS handshakes" do
  let(:certificates) { Certificates.new(temporary_folder) }
  let(:identity) { certificates.issue("server") }

  def serve_tls(*identities, clients: {}, **settings, &block)
    identities = [identity] if identities.empty?
    bind = certificates.bind(*identities, **clients)
    serve(bind: bind, **settings, &block || ->(_env) { [200, {}, ["ok"]] })
  end

  def hello(server, **tls)
    connect(server, **tls).write(request_bytes("GET", "/")).read_response
  end

  # The subject of the certificate that a client is shown.
  def shown(server, **tls)
    connect(server, **tls).socket.ssl.peer_cert.subject.to_a.assoc("CN")[1]
  end

  # A client of TLS 1.3 has shaken hands before it is judged.
  def lets_in?(server, **tls)
    hello(server, **tls)
    true
  rescue TlsSocket::Refused, SystemCallError, RawClient::Truncated
    false
  end

  { "1.2" => "TLSv1.2", "1.3" => "TLSv1.3" }.each do |version, name|
    it "speaks TLS #{version}" do
      number = OpenSSL::SSL.const_get("TLS#{version.tr(".", "_")}_VERSION")
      client = connect(serve_tls, min_version: number, max_version: number)
      expect(client.socket.ssl.ssl_version).to eq(name)
      expect(client.write(request_bytes("GET", "/")).read_response.body).to eq("ok")
    end
  end

  it "refuses TLS 1.1 with an alert, and TLS 1.2 where tls_min_version says so" do
    old = { min_version: OpenSSL::SSL::TLS1_VERSION, max_version: OpenSSL::SSL::TLS1_1_VERSION, security_level: 0 }
    expect { hello(serve_tls, **old) }.to raise_error(TlsSocket::Refused, /alert/)
    server = serve_tls(tls_min_version: "1.3")
    expect { hello(server, max_version: OpenSSL::SSL::TLS1_2_VERSION) }.to raise_error(TlsSocket::Refused, /alert/)
    expect(hello(server).body).to eq("ok")
  end

  it "agrees on http/1.1, and refuses a client that offers other protocols alone with an alert" do
    server = serve_tls
    expect(connect(server, alpn_protocols: %w[http/1.1]).socket.ssl.alpn_protocol).to eq("http/1.1")
    expect(connect(server).socket.ssl.alpn_protocol).to be_nil
    expect { connect(server, alpn_protocols: %w[spdy/3]) }.to raise_error(TlsSocket::Refused, /alert/)
  end

  it "closes on who speaks no TLS, and writes no line for it" do
    server = serve_tls
    plain = connect(server.url.sub("https", "http"))
    plain.offer(request_bytes("GET", "/"))
    plain.read_to_eof
    expect(server.log).to eq("")
    expect(hello(server).body).to eq("ok")
  end

  { "says nothing" => "", "says half a hello" => "\x16\x03\x01\x02\x00\x01" }.each do |what, bytes|
    it "closes on a client that #{what} for tls_handshake_timeout" do
      server = serve_tls(tls_handshake_timeout: 0.2)
      expect(connect(server.url.sub("https", "http")).write(bytes)).to be_ended
      expect(hello(server).body).to eq("ok")
    end
  end

  describe "that have failed" do
    let(:server) { serve_tls(linger_timeout: 60, linger_total: 60) }
    let(:tcp) { Socket.tcp("127.0.0.1", server.port) }

    after { tcp.close }

    it "do not keep the server from stopping, though the client stays" do
      tcp.write(request_bytes("GET", "/"))
      expect(tcp.readpartial(100)).to start_with("\x15\x03".b) # An alert.
      stopping = Thread.new { server.stop(timeout: 60) }
      expect(stopping.join(10)).to be(stopping)
    end

    it "leave no connection behind where the client has refused, though it stays" do
      expect { TlsSocket.new(tcp, verify_mode: OpenSSL::SSL::VERIFY_PEER) }.to raise_error(TlsSocket::Refused, /verify failed/)
      eventually { server.server.stats[:connections].zero? }
    end
  end

  it "counts a handshake as a connection, and does not wait for it at the end" do
    server = serve_tls(tls_handshake_timeout: nil)
    connect(server.url.sub("https", "http"))
    eventually { server.server.stats[:connections] == 1 }
    before = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    server.stop(timeout: 20)
    expect(Process.clock_gettime(Process::CLOCK_MONOTONIC) - before).to be < 15
  end

  it "shows each client the certificate for the host that it names, else the first" do
    others = %w[one two].map { |name| certificates.issue(name, names: ["DNS:#{name}.example", "DNS:*.#{name}.example"]) }
    server = serve_tls(identity, *others)
    expect(shown(server, name: "one.example")).to eq("one")
    expect(shown(server, name: "sub.two.example")).to eq("two")
    expect(shown(server, name: "three.example")).to eq("server")
    expect(shown(server)).to eq("server")
  end

  it "shows nothing of a private key by inspect, neither to who has the server nor to the application" do
    key = File.readlines(identity.key_path, chomp: true)[1]
    server = serve_tls { |env| [200, {}, [env.inspect]] }
    expect([server.server.inspect, hello(server).body].join).not_to include(key)
  end

  it "shows the first of several certificates that are for the host" do
    names = %w[wide exact]
    others = [["DNS:*.app.example"], ["DNS:one.app.example"]].zip(names).map { |hosts, name| certificates.issue(name, names: hosts) }
    expect([others, others.reverse].map { |given| shown(serve_tls(identity, *given), name: "one.app.example") }).to eq(names)
  end

  it "resumes sessions by tickets, also behind a reload" do
    server = serve_tls
    { max_version: OpenSSL::SSL::TLS1_2_VERSION }.then do |tls|
      session = connect(server, **tls).socket.ssl.session
      server.server.reload_certificates
      expect(connect(server, session: session, **tls).socket.ssl).to be_session_reused
    end
  end

  describe "with the certificates of clients" do
    let(:member) { certificates.issue("member") }
    let(:stranger) { Certificates.new(temporary_folder).issue("stranger") }
    let(:ca) { certificates.authority.cert_path }

    def as(identity) = { cert: identity.certificate, key: identity.key }

    # What env says of the client.
    def asked(server, **tls)
      hello(server, **tls).body.split("|", -1)
    end

    def serve_asking(verify)
      serve_tls(clients: { verify: verify, ca: ca }) do |env|
        keys = %w[SSL_CLIENT_VERIFY SSL_CLIENT_S_DN SSL_CLIENT_CERT]
        [200, {}, [env.values_at(*keys).join("|")]]
      end
    end

    it "lets in whom the authority has signed, and says who it is" do
      %w[require optional].each do |verify|
        expect(asked(serve_asking(verify), **as(member)))
          .to eq(["SUCCESS", "CN=member,O=Penstock specs", member.certificate.to_pem])
      end
    end

    it "says who the client is, and not who has signed its certificate" do
      server = serve_asking("require")
      expect(asked(server, **as(member), extra_chain_cert: [certificates.authority.certificate]))
        .to eq(["SUCCESS", "CN=member,O=Penstock specs", member.certificate.to_pem])
    end

    it "lets in a client without one where that is optional, and not where it is required" do
      expect(asked(serve_asking("optional"))).to eq(["NONE", "", ""])
      server = serve_asking("require")
      expect(lets_in?(server)).to be(false)
      expect(server.server.stats[:requests]).to eq(0)
    end

    it "says why by an alert, also to a client that sends more than anybody reads" do
      client = connect(serve_asking("require"))
      # The handshake of TLS 1.3 is over for the client before it is judged.
      expect(client.socket.ssl.ssl_version).to eq("TLSv1.3")
      expect { client.socket.ssl.write("x" * 4 * 1024 * 1024) && client.socket.ssl.read(1) }
        .to raise_error(TlsSocket::Refused, /certificate required/)
    end

    it "lets in nobody whom another authority has signed" do
      %w[require optional].each do |verify|
        server = serve_asking(verify)
        expect(lets_in?(server, **as(stranger))).to be(false)
        expect(server.server.stats[:requests]).to eq(0)
      end
    end

    it "lets in nobody by a session that began where nobody was asked" do
      bind = [certificates.bind(identity), certificates.bind(identity, verify: "require", ca: ca)]
      server = serve(bind: bind) { |env| [200, {}, [env["SSL_CLIENT_VERIFY"].to_s]] }
      open, closed = server.urls
      [OpenSSL::SSL::TLS1_2_VERSION, OpenSSL::SSL::TLS1_3_VERSION].each do |version|
        sessions = []
        keep = { max_version: version, session_cache_mode: OpenSSL::SSL::SSLContext::SESSION_CACHE_CLIENT,
                 session_new_cb: ->((_, session)) { sessions << session } }
        expect(hello(open, **keep).body).to eq("")
        resume = { max_version: version, session: sessions.last }
        expect(connect(open, **resume).socket.ssl).to be_session_reused
        before = server.server.stats[:requests]
        expect(lets_in?(closed, **resume)).to be(false)
        expect(server.server.stats[:requests]).to eq(before)
      end
    end

    it "says nothing where they are not asked for" do
      expect(asked(serve_tls { |env| [200, {}, [env.keys.grep(/SSL/).join("|")]] }, **as(member))).to eq([])
    end
  end

  describe "when certificates are read again" do
    it "shows new connections the new one, and open ones go on" do
      server = serve_tls
      client = connect(server).write(request_bytes("GET", "/"))
      expect(client.read_response.body).to eq("ok")
      replacement = certificates.issue("replacement")
      FileUtils.cp(replacement.cert_path, identity.cert_path)
      FileUtils.cp(replacement.key_path, identity.key_path)
      expect(shown(server)).to eq("server")
      server.server.reload_certificates
      expect(shown(server)).to eq("replacement")
      expect(client.write(request_bytes("GET", "/")).read_response.body).to eq("ok")
    end

    it "reads the authorities for clients too" do
      ours, theirs = Array.new(2) { Certificates.new(temporary_folder) }
      authorities = File.join(temporary_folder, "authorities.pem").tap { |path| FileUtils.cp(ours.authority.cert_path, path) }
      server = serve_tls(clients: { verify: "require", ca: authorities })
      clients = [ours, theirs].map { |each| each.issue("client").then { |client| { cert: client.certificate, key: client.key } } }
      expect(clients.map { |client| lets_in?(server, **client) }).to eq([true, false])
      FileUtils.cp(theirs.authority.cert_path, authorities)
      server.server.reload_certificates
      expect(clients.map { |client| lets_in?(server, **client) }).to eq([false, true])
    end

    it "keeps those in force where the new one cannot be used, and says which and why" do
      server = serve_tls
      File.write(identity.cert_path, "no certificate")
      reason = "there is none in this file; give files in PEM that belong together"
      expect { server.server.reload_certificates }
        .to raise_error(Penstock::ConfigurationError, "the certificate #{identity.cert_path} cannot be used: #{reason}")
      expect(shown(server)).to eq("server")
    end

    it "reads those of all places, also where one of them keeps its own" do
      other = certificates.issue("other")
      server = serve(bind: [identity, other].map { |each| certificates.bind(each) }) { [200, {}, ["ok"]] }
      first, second = server.urls
      replacement = certificates.issue("replacement")
      FileUtils.cp(replacement.cert_path, other.cert_path)
      FileUtils.cp(replacement.key_path, other.key_path)
      File.write(identity.cert_path, "no certificate")
      expect { server.server.reload_certificates }.to raise_error(Penstock::ConfigurationError, /#{Regexp.escape(identity.cert_path)}/)
      expect([shown(first), shown(second)]).to eq(%w[server replacement])
    end
  end

  describe "with certificates that cannot be used" do
    it "does not start, and says which file and what to do" do
      other = certificates.issue("other")
      expect { serve_tls(identity.dup.tap { |pair| pair.key_path = other.key_path }) }
        .to raise_error(Penstock::ConfigurationError, /#{Regexp.escape(other.key_path)}.*give files in PEM that belong together/)
      expect { serve_tls(identity.dup.tap { |pair| pair.cert_path = "/nowhere.pem" }) }
        .to raise_error(Penstock::ConfigurationError, %r{the certificate /nowhere.pem cannot be used})
    end
  end
end
