# frozen_string_literal: true

# Streams that stay open: 20 of them on 5 threads.
module Features
  # More than there are threads.
  STREAMS = 20

  class Attempt # rubocop:disable Style/Documentation -- described in lib/attempt.rb.
    private

    # Opens the streams, and asks for something else beside them.
    # @return [Array<RawClient>]
    def open_streams(path)
      clients = Array.new(STREAMS) { ask(path) }
      begun = getting(clients, "one\n")
      answered = answers?
      return clients if answered && begun == STREAMS

      other = clients.map(&:received).find { |bytes| !bytes.match?(%r{\A(HTTP/1.1 200|\z)}) }
      no!("the answer is #{other[0, 40].inspect}") if other
      no!("#{begun} of #{STREAMS} streams begin#{", and a request beside them is not answered" unless answered}")
    end

    # The streams are open, and the application goes on with each of them and ends it.
    def left_open(path)
      clients = open_streams(path)
      server.tell("go")
      written = getting(clients, "two\n")
      no!("a request is answered, but #{written} of #{STREAMS} streams get what is written later") if written < STREAMS
      clients.each { |client| client.read_until("two\n") }
      server.tell("close")
      ended = Features.within(5) { clients.all? { |client| whole?(client) } }
      no!("all get what is written later, but closing does not end them") unless ended
      "#{STREAMS} streams open, a request is answered, each gets what is written later and its end"
    end

    # Whether the response has come to its end.
    def whole?(client) = client.received.end_with?("0\r\n\r\n") || client.eof?(0)

    # How the application comes to know that a client has gone, while nobody writes: in a stream that its proc has left open,
    # or else in one whose proc waits.
    def notice(&)
      %w[watched watched_inside].each do |name|
        how = notice_in("/call/#{name}", &)
        return "by `#{how}`" if how
      end
      no!("not in 10 s")
    end

    def notice_in(path)
      client = ask(path)
      head(client)
      read(client, "one\n", "the first write")
      yield client
      server.fact("gone", 10)
    end
  end

  check("open-call", "Streaming bodies that return and stay open hold no thread") { left_open("/call/left_open") }

  check("open-partial", "Partial hijacks that return and stay open hold no thread") { left_open("/partial/left_open") }

  check("waiting-call", "Streaming bodies that wait (`sleep`) without returning hold no thread") do
    open_streams("/call/waiting")
    "#{STREAMS} streams whose `call` has not returned, and a request is answered"
  end

  check("gone", "A client that leaves (FIN) is noticed without a write") { notice(&:close) }

  check("gone-reset", "A client whose connection breaks (reset) is noticed without a write") { notice(&:abort) }
end
