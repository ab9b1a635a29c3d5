# frozen_string_literal: true

require "socket"
require "uri"
require_relative "errors"

module Penstock
  # A place to listen at, as a URL names it.
  #
  # * `kind`: :tcp, :ssl, :unix or :fd
  # * `host`: (tcp, ssl) a name or an address, IPv6 without brackets
  # * `port`: (tcp, ssl) Integer; 0 lets the system pick one
  # * `certificates`: (ssl) Array of a path of a certificate (PEM, with the chain behind it) and the path of its key (PEM); a
  #   client is shown the first one that is for the host which it names, or else the first of all
  # * `verify`: (ssl) what becomes of the certificates of clients: :none (they are not asked for), :optional, :require
  # * `ca`: (ssl) String, the path of the certificate authorities (PEM) by which they are judged; nil where none are asked for
  # * `path`: (unix) String
  # * `umask`, `mode`: (unix) Integer; nil leaves them to the process
  # * `fd`: (fd) Integer, a listening socket that somebody else has made
  # * `backlog`: (tcp, ssl, unix) Integer, connections that the kernel keeps until they are accepted
  Bind = Struct.new(:kind, :host, :port, :certificates, :verify, :ca, :path, :umask, :mode, :fd, :backlog, keyword_init: true) do
    # @return [String] the URL, without what stands behind its `?`.
    def to_s
      case kind
      when :tcp, :ssl then "#{kind}://#{host.include?(":") ? "[#{host}]" : host}:#{port}"
      when :unix then "unix://#{path}"
      when :fd then "fd://#{fd}"
      end
    end

    # @return [Array<Bind>] this place as sockets of one address each: `localhost` is 127.0.0.1, and ::1 where the machine has
    #   it; `::` is all addresses of both families, as Puma takes it. With port 0 each is one socket, since two would get two
    #   ports.
    # @raise [ConfigurationError] if the name is not known.
    def resolve
      return [self] unless host

      addresses.map { |address| dup.tap { |bind| bind.host = address }.freeze }
    end

    private

    def addresses
      case host
      when "localhost" then both?(&:ipv6_loopback?) ? %w[127.0.0.1 ::1] : %w[127.0.0.1]
      when "::" then both?(&:ipv6?) ? %w[0.0.0.0 ::] : %w[::]
      else Addrinfo.getaddrinfo(host, nil, nil, :STREAM).map(&:ip_address).uniq
      end
    rescue SocketError => e
      raise ConfigurationError, "bind #{self}: #{e.message}; give an address of this machine in place of #{host}"
    end

    def both?(&) = port != 0 && Socket.ip_address_list.any?(&)
  end

  # Reading of URLs, and where to listen without one.
  class Bind
    # What may stand behind the `?` of a URL, and the base of those that are numbers (umask and mode are octal, as chmod takes
    # them).
    OPTIONS = {
      tcp: { backlog: 10 },
      ssl: { backlog: 10, cert: nil, key: nil, verify: nil, ca: nil },
      unix: { umask: 8, mode: 8, backlog: 10 },
      fd: {}
    }.freeze

    # What the option `verify` takes.
    VERIFY = %w[none optional require].freeze

    private_constant :OPTIONS, :VERIFY

    # @param url [String] `tcp://HOST:PORT`, `ssl://HOST:PORT?cert=PATH&key=PATH`, `unix:///PATH` or `fd://N`, with options behind a `?`.
    # @param backlog [Integer, nil] the backlog where the URL names none.
    # @param certificate [Array(String, String), nil] the paths of the certificate and the key where an `ssl://` names none;
    #   nil: then it is refused.
    # @return [Bind]
    # @raise [ConfigurationError] if it cannot be read.
    def self.parse(url, backlog: nil, certificate: nil)
      place, query = url.split("?", 2)
      scheme, rest = place.to_s.split("://", 2)
      new(**read(scheme, rest), backlog: backlog, **options(scheme.to_sym, query, certificate)).freeze
    rescue ArgumentError => e
      raise ConfigurationError, "bind #{url}: #{e.message}"
    end

    # @param port [Integer]
    # @param development [Boolean] whether to listen on loopback alone.
    # @param backlog [Integer, nil]
    # @param certificate [Array(String, String), nil] the paths of a certificate and its key, to encrypt with; nil: it does not.
    # @return [Bind] the place where nothing is bound: both loopback addresses, or all addresses. A machine without IPv6 has
    #   those of IPv4 alone.
    def self.default(port, development:, backlog: nil, certificate: nil)
      host = development ? "localhost" : everywhere(port)
      tls = certificate ? { kind: :ssl, certificates: [certificate], verify: :none } : { kind: :tcp }
      new(host: host, port: port, backlog: backlog, **tls).freeze
    end

    class << self
      private

      def everywhere(port) = port != 0 && Socket.ip_address_list.any?(&:ipv6?) ? "::" : "0.0.0.0"

      def read(scheme, rest)
        case scheme
        when "tcp", "ssl" then { kind: scheme.to_sym, **tcp(scheme, rest.to_s) }
        when "unix" then { kind: :unix, path: path(rest.to_s) }
        when "fd" then { kind: :fd, fd: number(rest, "a descriptor") }
        else raise ArgumentError, "write it as tcp://HOST:PORT, ssl://HOST:PORT?cert=PATH&key=PATH, unix:///PATH or fd://N"
        end
      end

      def tcp(scheme, authority)
        match = authority.match(%r{\A(?:\[(?<v6>[\h:.]+)\]|(?<host>[^\[\]:/@]+)):(?<port>\d+)/?\z})
        raise ArgumentError, "write it as #{scheme}://HOST:PORT, an IPv6 address in brackets" unless match

        port = number(match[:port], "a port")
        raise ArgumentError, "a port is at most 65535" if port > 65_535

        { host: match[:v6] || match[:host], port: port }
      end

      def path(path)
        raise ArgumentError, "the path of the socket is missing" if path.empty?
        raise ArgumentError, "abstract sockets are not served; write a path" if path.start_with?("@")

        Socket.pack_sockaddr_un(path) # Knows the longest path of this system.
        path
      end

      def options(kind, query, certificate)
        given = URI.decode_www_form(query.to_s)
        texts, numbers = given.partition { |name, _| base_of(kind, name).nil? }
        numbers = numbers.to_h { |name, value| [name.to_sym, number(value, name, base_of(kind, name))] }
        kind == :ssl ? { **numbers, **tls(texts, certificate) } : numbers
      end

      def base_of(kind, name)
        OPTIONS.fetch(kind).fetch(name.to_sym) { raise ArgumentError, "unknown option #{name}; #{known(kind)}" }
      end

      def tls(options, default)
        all = options.group_by(&:first).transform_values { |pairs| pairs.map { |_, value| File.expand_path(value) } }
        { certificates: certificates(*all.values_at("cert", "key").map(&:to_a), default),
          ca: all["ca"]&.last, verify: verify(options.to_h["verify"] || "none", all["ca"]) }
      end

      def certificates(certificates, keys, default)
        return [default] if default && [*certificates, *keys].empty?
        raise ArgumentError, "it needs a certificate and its key, ?cert=PATH&key=PATH, or the setting tls_dev" if certificates.empty?
        raise ArgumentError, "each cert needs a key, and each key a cert" unless certificates.size == keys.size

        certificates.zip(keys)
      end

      def verify(word, authorities)
        raise ArgumentError, "verify is #{VERIFY.join(", ")}, not #{word.inspect}" unless VERIFY.include?(word)
        raise ArgumentError, "verify=#{word} needs the certificate authorities: &ca=PATH" if word != "none" && !authorities

        word.to_sym
      end

      def known(kind)
        names = OPTIONS.fetch(kind).keys
        names.empty? ? "#{kind}:// takes none" : "#{kind}:// takes #{names.join(", ")}"
      end

      def number(text, name, base = 10)
        number = Integer(text, base, exception: false)
        return number if number&.between?(0, 0x7fff_ffff) # What the system's calls take.

        raise ArgumentError, "#{name} has to be a number, not #{text.inspect}"
      end
    end
  end
end
