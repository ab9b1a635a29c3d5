# frozen_string_literal: true

require "openssl"
require "socket"
require "tmpdir"
require_relative "../../../benchmark/lib/bench"

RSpec.describe Bench::Tls do
  let(:folder) { Dir.mktmpdir }

  after { FileUtils.rm_r(folder) }

  # What it finds at a server that accepts one connection, whose context the block changes.
  def fault(http2: false)
    context = OpenSSL::SSL::SSLContext.new
    context.cert, context.key = load(Bench::Certificate.write(folder))
    yield context if block_given?
    server = OpenSSL::SSL::SSLServer.new(TCPServer.new("127.0.0.1", 0), context)
    thread = Thread.new { server.accept.close }
    described_class.fault(server.to_io.addr[1], http2:)
  ensure
    thread&.join
    server&.close
  end

  def load(paths)
    certificate, key = paths.map { |path| File.read(path) }
    [OpenSSL::X509::Certificate.new(certificate), OpenSSL::PKey.read(key)]
  end

  it "finds nothing wrong with TLS 1.3" do
    expect(fault).to be_nil
    expect(fault(http2: true) { |context| context.alpn_select_cb = ->(_) { "h2" } }).to be_nil
  end

  it "finds an older version, and a server that does not choose HTTP/2" do
    expect(fault { |context| context.max_version = OpenSSL::SSL::TLS1_2_VERSION }).to eq("speaks TLSv1.2")
    expect(fault(http2: true)).to eq("does not choose HTTP/2 by ALPN")
  end

  it "raises where nobody speaks TLS" do
    expect { described_class.fault(Bench::Server.free_port) }.to raise_error(Bench::Error, /no TLS/)
  end

  it "uses a key of ECDSA with P-256" do
    certificate, key = load(Bench::Certificate.write(folder))
    expect(certificate.check_private_key(key)).to be(true)
    expect(key.group.curve_name).to eq("prime256v1")
  end
end
