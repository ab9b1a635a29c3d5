# frozen_string_literal: true

# Rack's two hijacks.
module Features
  class Attempt # rubocop:disable Style/Documentation -- described in lib/attempt.rb.
    private

    # The application reads what was sent behind the request, and sends it back.
    def bytes_behind(client, status)
      head(client, status)
      read(client, "It is", "what the application wrote")
      read(client, "early bytes", "what was sent behind the request")
      "bytes sent in one packet with the request are read from the socket"
    end
  end

  check("partial-hijack", "Partial hijack of a 200") do
    client = ask("/partial/paced")
    head(client)
    read(client, "one\n", "the first write, before the second is made,")
    server.tell("go")
    read(client, "two\n", "the second write")
    "the head, then each write at once"
  end

  check("partial-upgrade", "Partial hijack of a 101, to speak another protocol") do
    client = ask("/upgrade", fields: "Connection: Upgrade\r\nUpgrade: raw\r\n")
    head(client, 101)
    %w[ping pong].each { |word| client.write(word) && read(client, word, "the answer to #{word.inspect}") }
    "the head, then each answer at once"
  end

  check("full-hijack", "Full hijack hands out an IO") do
    client = ask("/full/socket")
    head(client)
    kind = read(client, /It is .*\.\n/, "what the application wrote")[/It is (.*)\./, 1]
    kind == "an IO" ? "`is_a?(IO)`" : no!("it hands out #{kind}, which is no IO")
  end

  check("read-ahead", "Bytes behind a hijacked request are not lost") do
    bytes_behind(ask("/full/bytes_behind", fields: "Connection: Upgrade\r\nUpgrade: raw\r\n", body: "early bytes"), 101)
  end

  check("read-ahead-post", "The same behind a POST with a body") do
    bytes_behind(ask("/full/bytes_behind", method: "POST", fields: "Content-Length: 4\r\n", body: "bodyearly bytes"), 200)
  end
end
