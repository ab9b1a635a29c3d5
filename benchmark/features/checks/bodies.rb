# frozen_string_literal: true

# What bodies do, seen by one client.
module Features
  class Attempt # rubocop:disable Style/Documentation -- described in lib/attempt.rb.
    private

    # The application raises behind two pieces. Without a length a body is whole when its last chunk came; without chunks,
    # when the connection ended by FIN.
    def broken(client)
      Features.within(1) { client.received.include?("two\n") }
      server.tell("go")
      head = client.read_head
      return "nothing has left before, and the answer is #{head.status}" if head.status >= 500

      rest = client.read_to_eof
      if head.headers["transfer-encoding"]
        chunked_end(rest)
      else
        client.reset?(0) ? "the connection is reset" : no!("the connection ends by FIN, without chunks: the body looks whole")
      end
    rescue RawClient::TimedOut
      no!("the response neither ends nor breaks off in #{RawClient::TIMEOUT} s")
    end

    # How a chunked body ends that should be broken (RFC 9112 section 7.1).
    def chunked_end(bytes)
      while (line = bytes[/\A\h+(?=\r\n)/n])
        no!("the last chunk comes: the body looks whole") if line.hex.zero?
        bytes = bytes.byteslice((line.bytesize + 2 + line.hex + 2)..).to_s
      end
      bytes.empty? ? "the last chunk is missing" : "#{bytes[/\A.*/].strip.inspect} comes where a chunk should begin"
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
