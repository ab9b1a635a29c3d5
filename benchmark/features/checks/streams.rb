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
      return clients.each { |client| head(client) } if answered && begun == STREAMS

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
      server.tell("close")
      ended = Features.within(5) { clients.all? { |client| whole?(client) } }
      no!("all get what is written later, but closing does not end them") unless ended
      "#{STREAMS} streams open, a request is answered, each gets what is written later and its end"
    end

    # Whether the last write has come, and the end of the response.
    def whole?(client)
      bytes = client.received
      bytes.include?("end\n") && (bytes.end_with?("0\r\n\r\n") || !server.holds?(client.socket.local_address.ip_port))
    end

    # How the application comes to know that a client has gone, while nobody writes: in a stream that its proc has left open,
    # in one whose proc waits, or in one that is read.
    def notice(&)
      %w[watched watched_inside watched_reading].each do |name|
        how = notice_in(name, &)
        return "by #{how}" if how
      end
      no!("not in 5 s")
    end

    def notice_in(name)
      client = ask("/call/#{name}")
      head(client)
      read(client, "one\n", "the first write")
      # What is told of a client that is there says nothing.
      return if server.fact("gone_#{name}", 0.5)

      yield client
      server.fact("gone_#{name}", 5)
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
