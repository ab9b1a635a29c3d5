# frozen_string_literal: true

# Slow and half-closing clients.
module Features
  # Bytes.
  MIB = 1024 * 1024

  class Attempt # rubocop:disable Style/Documentation -- described in lib/attempt.rb.
    private

    # What a client that reads nothing makes a server keep of a body of 64 MiB: the writer has to wait, or be told.
    def bounded(path)
      answers?
      before = server.resident
      connect(receive_buffer: 4096).write("GET #{path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
      taken = settled_fact("taken")
      grown = (server.resident - before) / MIB
      text = "#{taken / MIB} MiB of 64 MiB taken, memory grows by #{grown} MiB"
      taken > 32 * MIB || grown > 32 ? no!(text) : text
    end

    # How long such a client makes the writer wait.
    def given_up(path)
      client = connect(receive_buffer: 4096).write("GET #{path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
      taken = settled_fact("taken")
      begun = now
      how = Features.within(60) { told(client) } or no!("not in 60 s; #{taken / MIB} MiB are taken")
      "after #{(now - begun).round} s #{how}"
    end

    # @return [String, nil] how a server has given a client up; nil: it has not
    def told(client)
      error = server.fact("error", 0)
      return "the write raises #{error}" if error
      return if server.holds?(client.socket.local_address.ip_port)

      "the connection is closed, though #{server.fact("taken", 0).to_i / MIB} MiB are taken"
    end

    # A number that the application tells again and again, once it has stood still for a second.
    def settled_fact(name)
      last = server.fact(name) or no!("nothing is taken")
      since = now
      Features.within(10) do
        fresh = server.fact(name, 0)
        since = now unless fresh == last
        last = fresh
        now - since > 1
      end
      Integer(last, 10)
    end
  end

  check("slow-call", "What a stream keeps for a client that reads nothing is bounded") { bounded("/call/large") }

  check("slow-each", "What an `each` body keeps for such a client is bounded") { bounded("/each/large") }

  check("stalled-call", "A stream whose client reads nothing is given up within a minute") { given_up("/call/large") }

  check("stalled-each", "So is an `each` body") { given_up("/each/large") }

  check("slow-upload", "Slow uploads hold no thread") do
    uploads = Array.new(10) { ask("/upload", method: "POST", fields: "Content-Length: 10\r\n", body: "1") }
    no!("10 uploads under way, and a request beside them is not answered") unless answers?
    uploads.each { |client| client.write("234567890") }
    answered = getting(uploads, "\r\n\r\n10")
    no!("only #{answered} of 10 are answered once they are whole") if answered < 10
    "10 uploads under way, and a request is answered"
  end

  check("half-close", "A client that sends FIN behind its request is answered") do
    client = connect
    client.write("GET /each/paced HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").close_write
    server.tell("go")
    read(client, "two\n", "the answer")
    "the whole of an `each` body"
  end
end
