# frozen_string_literal: true

require "open3"
require_relative "../../../spec/support/raw_client"

module Features
  # A server does not do what the check asks for; the message says what it does in its place.
  class No < StandardError; end

  # One check on one server: the block of a {Check} runs in it.
  class Attempt
    # What a broken or silent connection raises in the client.
    FAILURES = [No, RawClient::Error, OpenSSL::SSL::SSLError, SystemCallError, IOError].freeze

    # @param peer [Peer]
    # @param check [Check]
    def initialize(peer, check)
      @peer = peer
      @check = check
      @clients = []
    end

    # @return [Outcome]
    def run
      @server = Server.new(@peer, @check.app) if @check.app
      Outcome.new(yes: true, evidence: instance_exec(&@check.block))
    rescue *FAILURES => e
      Outcome.new(yes: false, evidence: self.class.plain(e.message))
    ensure
      @clients.each(&:close)
      @server&.stop
    end

    # @param text [String] what a server or an error says
    # @return [String] the same in one line, without folders and ports, which are others each time
    def self.plain(text)
      text.gsub(%r{(?<![:\w/])/(?:[\w.-]+/)+}, "").gsub(/(localhost|127\.0\.0\.1):\d+/, '\1:PORT').delete("`\n").slice(0, 200)
    end

    private

    # @return [Server]
    attr_reader :server

    # @return [Peer]
    attr_reader :peer

    # Ends the check.
    # @param reason [String] what the server does
    def no!(reason) = raise(No, reason)

    # @return [RawClient] a connection
    def connect(**options) = RawClient.new(server.url, **options).tap { |client| @clients << client }

    # @return [RawClient] a connection on which this was asked for
    def ask(path, method: "GET", fields: "", body: "")
      connect.write("#{method} #{path} HTTP/1.1\r\nHost: localhost:#{server.port}\r\n#{fields}\r\n#{body}")
    end

    # @return [Boolean] whether an ordinary request is answered within a time
    def answers?(seconds = 3)
      client = ask("/hello")
      Features.within(seconds) { client.received.end_with?("Hello\n") }
    end

    # The head of a response that has to have this status and, unless it is an upgrade, a body.
    def head(client, status = 200)
      head = begin
        client.read_head
      rescue RawClient::TimedOut
        got = client.received
        no!(got.empty? ? "no answer in #{RawClient::TIMEOUT} s" : "no head in #{RawClient::TIMEOUT} s, but #{got[0, 40].inspect}")
      rescue RawClient::Malformed => e
        no!("the head does not come first: #{e.message}")
      end
      no!("the answer is #{head.status}") unless head.status == status
      no!("the head says content-length: 0, which leaves all that is written out of the response") if empty?(head)
      head
    end

    def empty?(head) = head.status != 101 && head.headers["content-length"] == ["0"]

    # @param pattern [String] what has to come
    # @param what [String] what it is, for the evidence
    def read(client, pattern, what)
      client.read_until(pattern)
    rescue RawClient::TimedOut
      no!("#{what} does not come in #{RawClient::TIMEOUT} s")
    rescue RawClient::Error, Errno::ECONNRESET
      no!("#{what} does not come: the connection ends")
    end

    # How many of the clients get a text within a time.
    def getting(clients, text, seconds = 5)
      Features.within(seconds) { clients.all? { |client| client.received.include?(text) } }
      clients.count { |client| client.received.include?(text) }
    end

    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end
end
