# frozen_string_literal: true

# Stopping, and what a server is beside HTTP/1.1 in one process.
module Features
  class Attempt # rubocop:disable Style/Documentation -- described in lib/attempt.rb.
    # What curl is to say of an answer: "1.1 200".
    FORMAT = "%{http_version} %{http_code}" # rubocop:disable Style/FormatStringToken -- curl's own tokens.

    private

    # A stream that ends half a second after the signal.
    def drained(path)
      client = ask(path)
      head(client)
      read(client, "one\n", "the first write")
      server.tell("go")
      # A signal right behind the start says nothing of a server that runs.
      10.times { answers? or no!("a request beside it is not answered") }
      server.kill(:TERM)
      no!("the process ends at once, and the stream is #{client.reset?(1) ? "reset" : "cut off"}") if server.ended(0.5)
      server.tell("close")
      Features.within(5) { whole?(client) } or no!("it is cut off, or does not end")
      status = server.ended(10) or no!("it ends as a whole one, but the process does not end within 10 s of that")
      "it ends as a whole one, and then the process (#{status.to_s.sub(/pid \d+ /, "")})"
    end

    # What curl says of an answer, over TLS but where the server is started without.
    def curl(*options, tls: true)
      @server&.stop
      @server = Server.new(peer, "streams.ru", tls: tls)
      output, status = Open3.capture2e("curl", "-sSk", "-m", "10", "-o", File::NULL, "-w", FORMAT,
                                       *options, "#{tls ? "https" : "http"}://localhost:#{server.port}/hello")
      status.success? ? output : output.lines.first.to_s.strip
    end
  end

  check("drain-waiting", "On SIGTERM a stream whose `call` has not returned may come to its end") { drained("/call/waiting") }

  check("drain-open", "So may one whose `call` has returned") { drained("/call/left_open") }

  check("endless", "SIGTERM ends the process within a minute though streams never end") do
    clients = Array.new(STREAMS) { ask("/call/endless") }
    ticking = getting(clients, "tick\n")
    no!("only #{ticking} of #{STREAMS} streams begin") if ticking < STREAMS
    stopped = now
    server.kill(:TERM)
    status = server.ended(60) or no!("not within 60 s")
    "after #{(now - stopped).round(1)} s, #{status.to_s.sub(/pid \d+ /, "")}"
  end

  check("workers", "Several worker processes", app: nil) do
    @server = Server.new(peer, "streams.ru", processes: 2)
    pids = Array.new(60) { head(client = ask("/pid", fields: "Connection: close\r\n")) && client.read_to_eof[/\d+/] }.uniq
    pids.size > 1 ? "#{pids.size} processes answer" : no!("one process answers")
  end

  check("tls", "TLS", app: nil) do
    answer = curl("--http1.1")
    answer == "1.1 200" ? "HTTP/1.1 over TLS" : no!("the answer is #{answer}")
  end

  check("http2", "HTTP/2", app: nil) do
    answer = curl("--http2")
    next "by ALPN" if answer == "2 200"

    other = curl("--http2-prior-knowledge", tls: false)
    other == "2 200" ? "by prior knowledge" : no!("with ALPN the answer is #{answer}, with prior knowledge #{other}")
  end
end
