# frozen_string_literal: true

# What bodies do, seen by one client.
module Features
  class Attempt # rubocop:disable Style/Documentation -- described in lib/attempt.rb.
    private

    # Without a length a body is whole when its last chunk came; without chunks, when the connection ended by FIN.
    def broken(client)
      head = head(client)
      read(client, "one\n", "the first write")
      server.tell("go")
      rest = begin
        client.read_to_eof
      rescue RawClient::TimedOut
        no!("the response neither ends nor breaks off in #{RawClient::TIMEOUT} s")
      end
      if head.headers["transfer-encoding"]
        rest.end_with?("0\r\n\r\n") ? no!("the last chunk comes: the body looks whole") : "the last chunk is missing"
      else
        client.reset?(0) ? "the connection is reset" : no!("the connection ends by FIN, without chunks: the body looks whole")
      end
    end
  end

  check("streaming-body", "Streaming bodies (`call`) over HTTP/1.1") do
    server.tell("go")
    framings = Array.new(10) do
      client = ask("/call/paced")
      framing = head(client).headers["transfer-encoding"] ? "chunked, the connection is kept" : "the end of the connection is the end"
      read(client, "two\n", "the second write")
      framing
    end
    "ten times of ten, #{framings.uniq.join(" or ")}"
  end

  check("call-at-once", "A write of a streaming body leaves at once") do
    client = ask("/call/paced")
    head(client)
    read(client, "one\n", "the first write, before the second is made,")
    server.tell("go")
    read(client, "two\n", "the second write")
    "the first write is here before the second is made"
  end

  check("each-at-once", "An element of an `each` body leaves at once") do
    client = ask("/each/paced")
    head(client)
    read(client, "one\n", "the first element, before the second is made,")
    server.tell("go")
    read(client, "two\n", "the second element")
    "the first element is here before the second is made"
  end

  check("call-raises", "A streaming body that raises halfway is seen as broken") do
    broken(ask("/call/raising"))
  end

  check("each-raises", "An `each` body that raises halfway is seen as broken") do
    broken(ask("/each/raising"))
  end

  check("both-ways", "A streaming body reads the request while it writes the response") do
    client = ask("/call/echo", method: "POST", fields: "Transfer-Encoding: chunked\r\n", body: "4\r\nping\r\n")
    head(client)
    read(client, "ping", "the answer to the first chunk, before the second is sent,")
    client.write("4\r\npong\r\n0\r\n\r\n")
    read(client, "pong", "the answer to the second chunk")
    "each chunk is answered before the next one is sent"
  end
end
