# frozen_string_literal: true

require "socket"
require "uri"
require_relative "errors"

module Penstock
  # A place to listen at, as a URL names it.
  #
  # * `kind`: :tcp, :unix or :fd
  # * `host`: (tcp) a name or an address, IPv6 without brackets
  # * `port`: (tcp) Integer; 0 lets the system pick one
  # * `path`: (unix) String
  # * `umask`, `mode`: (unix) Integer; nil leaves them to the process
  # * `fd`: (fd) Integer, a listening socket that somebody else has made
  # * `backlog`: (tcp, unix) Integer, connections that the kernel keeps until they are accepted
  Bind = Struct.new(:kind, :host, :port, :path, :umask, :mode, :fd, :backlog, keyword_init: true) do
    # @return [String] the URL, without what stands behind its `?`.
    def to_s
      case kind
      when :tcp then "tcp://#{host.include?(":") ? "[#{host}]" : host}:#{port}"
      when :unix then "unix://#{path}"
      when :fd then "fd://#{fd}"
      end
    end

    # @return [Array<Bind>] this place as sockets of one address each: `localhost` is 127.0.0.1, and ::1 where the machine has
    #   it; `::` is all addresses of both families, as Puma takes it. With port 0 each is one socket, since two would get two
    #   ports.
    # @raise [ConfigurationError] if the name is not known.
    def resolve
      return [self] unless kind == :tcp

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
    # What may stand behind the `?` of a URL, and how it is read (umask and mode are octal, as chmod takes them).
    OPTIONS = {
      tcp: { backlog: 10 },
      unix: { umask: 8, mode: 8, backlog: 10 },
      fd: {}
    }.freeze

    private_constant :OPTIONS

    # @param url [String] `tcp://HOST:PORT`, `unix:///PATH` or `fd://N`, with options behind a `?`.
    # @param backlog [Integer, nil] the backlog where the URL names none.
    # @return [Bind]
    # @raise [ConfigurationError] if it cannot be read.
    def self.parse(url, backlog: nil)
      place, query = url.split("?", 2)
      scheme, rest = place.to_s.split("://", 2)
      new(**read(scheme, rest), backlog: backlog, **options(scheme.to_sym, query)).freeze
    rescue ArgumentError => e
      raise ConfigurationError, "bind #{url}: #{e.message}"
    end

    # @param port [Integer]
    # @param development [Boolean] whether to listen on loopback alone.
    # @param backlog [Integer, nil]
    # @return [Bind] the place where nothing is bound: both loopback addresses, or all addresses. A machine without IPv6 has
    #   those of IPv4 alone.
    def self.default(port, development:, backlog: nil)
      host = development ? "localhost" : everywhere(port)
      new(kind: :tcp, host: host, port: port, backlog: backlog).freeze
    end

    class << self
      private

      def everywhere(port) = port != 0 && Socket.ip_address_list.any?(&:ipv6?) ? "::" : "0.0.0.0"

      def read(scheme, rest)
        case scheme
        when "tcp" then tcp(rest.to_s)
        when "unix" then { kind: :unix, path: path(rest.to_s) }
        when "fd" then { kind: :fd, fd: number(rest, "a descriptor") }
        when "ssl" then raise ArgumentError, "this version has no TLS; bind tcp:// behind a proxy that has"
        else raise ArgumentError, "write it as tcp://HOST:PORT, unix:///PATH or fd://N"
        end
      end

      def tcp(authority)
        match = authority.match(%r{\A(?:\[(?<v6>[\h:.]+)\]|(?<host>[^\[\]:/@]+)):(?<port>\d+)/?\z})
        raise ArgumentError, "write it as tcp://HOST:PORT, an IPv6 address in brackets" unless match

        port = number(match[:port], "a port")
        raise ArgumentError, "a port is at most 65535" if port > 65_535

        { kind: :tcp, host: match[:v6] || match[:host], port: port }
      end

      def path(path)
        raise ArgumentError, "the path of the socket is missing" if path.empty?
        raise ArgumentError, "abstract sockets are not served; write a path" if path.start_with?("@")

        Socket.pack_sockaddr_un(path) # Knows the longest path of this system.
        path
      end

      def options(kind, query)
        URI.decode_www_form(query.to_s).to_h do |name, value|
          base = OPTIONS.fetch(kind)[name.to_sym]
          raise ArgumentError, "unknown option #{name}; #{known(kind)}" unless base

          [name.to_sym, number(value, name, base)]
        end
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
