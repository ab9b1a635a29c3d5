# frozen_string_literal: true

require "spec_helper"
require "penstock/bind"

RSpec.describe Penstock::Bind do
  def machine_with(*addresses)
    allow(Socket).to receive(:ip_address_list).and_return(addresses.map { |address| Addrinfo.ip(address) })
  end

  describe ".parse" do
    {
      "tcp://127.0.0.1:9292" => { kind: :tcp, host: "127.0.0.1", port: 9292 },
      "tcp://app.example:80/" => { kind: :tcp, host: "app.example", port: 80 },
      "tcp://[::1]:0" => { kind: :tcp, host: "::1", port: 0 },
      "tcp://0.0.0.0:65535?backlog=7" => { kind: :tcp, host: "0.0.0.0", port: 65_535, backlog: 7 },
      "unix:///run/app.sock" => { kind: :unix, path: "/run/app.sock" },
      "unix://tmp/app.sock" => { kind: :unix, path: "tmp/app.sock" },
      "unix:///run/app.sock?umask=0111&mode=660&backlog=5" =>
        { kind: :unix, path: "/run/app.sock", umask: 0o111, mode: 0o660, backlog: 5 },
      "ssl://[::1]:9293?cert=/c.pem&key=/k.pem&backlog=5" =>
        { kind: :ssl, host: "::1", port: 9293, certificates: [%w[/c.pem /k.pem]], verify: :none, backlog: 5 },
      "ssl://app.example:443?cert=/a.pem&key=/b.pem&cert=/c.pem&key=/d.pem&verify=require&ca=/e.pem" =>
        { kind: :ssl, host: "app.example", port: 443, certificates: [%w[/a.pem /b.pem], %w[/c.pem /d.pem]], verify: :require,
          ca: "/e.pem" },
      "fd://3" => { kind: :fd, fd: 3 }
    }.each do |url, parts|
      it "reads #{url}" do
        expect(described_class.parse(url).to_h.compact).to eq parts
      end
    end

    {
      "0.0.0.0:9292" => "write it as tcp://HOST:PORT, ssl://HOST:PORT?cert=PATH&key=PATH, unix:///PATH or fd://N",
      "http://localhost:1" => "write it as tcp://HOST:PORT, ssl://HOST:PORT?cert=PATH&key=PATH, unix:///PATH or fd://N",
      "" => "write it as tcp://HOST:PORT",
      "tcp://localhost" => "write it as tcp://HOST:PORT",
      "tcp://:80" => "write it as tcp://HOST:PORT",
      "tcp://::1:80" => "an IPv6 address in brackets",
      "tcp://localhost:65536" => "a port is at most 65535",
      "tcp://localhost:80/path" => "write it as tcp://HOST:PORT",
      "tcp://localhost:80?mode=1" => "unknown option mode; tcp:// takes backlog",
      "tcp://localhost:80?backlog=x" => 'backlog has to be a number, not "x"',
      "tcp://localhost:80?backlog=9999999999" => 'backlog has to be a number, not "9999999999"',
      "unix://" => "the path of the socket is missing",
      "unix://@name" => "abstract sockets are not served",
      "unix:///#{"x" * 200}" => "path",
      "unix:///s?umask=9" => 'umask has to be a number, not "9"',
      "fd://x" => 'a descriptor has to be a number, not "x"',
      "fd://3?backlog=1" => "fd:// takes none",
      "ssl://localhost" => "write it as ssl://HOST:PORT",
      "ssl://localhost:1" => "it needs a certificate and its key, ?cert=PATH&key=PATH, or the setting tls_dev",
      "ssl://localhost:1?cert=c" => "each cert needs a key, and each key a cert",
      "ssl://localhost:1?cert=c&key=k&verify=peer" => 'verify is none, optional, require, not "peer"',
      "ssl://localhost:1?cert=c&key=k&verify=optional" => "verify=optional needs the certificate authorities: &ca=PATH",
      "ssl://localhost:1?cert=c&key=k&mode=1" => "unknown option mode; ssl:// takes backlog, cert, key, verify, ca"
    }.each do |url, reason|
      it "refuses #{url.inspect[0, 60]}" do
        expect { described_class.parse(url) }
          .to raise_error(Penstock::ConfigurationError, /\Abind #{Regexp.escape(url)}: .*#{Regexp.escape(reason)}/)
      end
    end

    it "takes the backlog that it is told where the URL has none" do
      expect(described_class.parse("tcp://127.0.0.1:1", backlog: 9).backlog).to eq 9
    end
  end

  describe "#to_s" do
    it "is the URL without its options" do
      urls = %w[tcp://[::1]:80 tcp://host:0 unix:///a/b fd://7]
      expect(urls.map { |url| described_class.parse(url).to_s }).to eq urls
      expect(described_class.parse("unix:///a?mode=600").to_s).to eq "unix:///a"
    end
  end

  describe "#resolve" do
    def resolved(url) = described_class.parse(url).resolve.map(&:to_s)

    it "makes both loopback addresses of localhost" do
      machine_with("127.0.0.1", "::1")
      expect(resolved("tcp://localhost:80")).to eq %w[tcp://127.0.0.1:80 tcp://[::1]:80]
    end

    it "leaves IPv6 out on a machine without it" do
      machine_with("127.0.0.1", "10.0.0.1")
      expect(resolved("tcp://localhost:80")).to eq %w[tcp://127.0.0.1:80]
    end

    it "makes all addresses of both families of ::" do
      machine_with("127.0.0.1", "::1")
      expect(resolved("tcp://[::]:80")).to eq %w[tcp://0.0.0.0:80 tcp://[::]:80]
    end

    it "binds one socket for port 0, since two would get two ports" do
      machine_with("127.0.0.1", "::1")
      expect(resolved("tcp://localhost:0") + resolved("tcp://[::]:0")).to eq %w[tcp://127.0.0.1:0 tcp://[::]:0]
    end

    it "leaves addresses, paths and descriptors as they are" do
      urls = %w[tcp://127.0.0.1:1 tcp://0.0.0.0:1 tcp://[::1]:1 unix:///a fd://7]
      expect(urls.flat_map { |url| resolved(url) }).to eq urls
    end

    it "keeps the options" do
      expect(described_class.parse("tcp://localhost:0?backlog=3").resolve.map(&:backlog)).to eq [3]
    end

    it "says which name nobody knows" do
      expect { resolved("tcp://nobody.invalid:80") }
        .to raise_error(Penstock::ConfigurationError, %r{\Abind tcp://nobody\.invalid:80: .*in place of nobody\.invalid\z})
    end
  end

  describe ".default" do
    def place(**options) = described_class.default(9292, **options).resolve.map(&:to_s)

    it "is loopback alone in development" do
      machine_with("127.0.0.1", "::1", "192.0.2.1", "2001:db8::1")
      expect(place(development: true)).to eq %w[tcp://127.0.0.1:9292 tcp://[::1]:9292]
    end

    it "is all addresses of both families elsewhere" do
      machine_with("127.0.0.1", "::1")
      expect(place(development: false)).to eq %w[tcp://0.0.0.0:9292 tcp://[::]:9292]
    end

    it "is one socket for port 0" do
      machine_with("127.0.0.1", "::1")
      sockets = [true, false].flat_map { |development| described_class.default(0, development: development).resolve }
      expect(sockets.map(&:to_s)).to eq %w[tcp://127.0.0.1:0 tcp://0.0.0.0:0]
    end

    it "is all addresses of IPv4 on a machine without IPv6" do
      machine_with("127.0.0.1")
      expect(place(development: false)).to eq %w[tcp://0.0.0.0:9292]
    end
  end
end
