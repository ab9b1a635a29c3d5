# frozen_string_literal: true

require_relative "../../apps/numbered"

module Bench
  # The load tests.
  module Workloads
    # The body of benchmark/apps/hello.ru, and of others that say hello.
    HELLO = "Hello, world!\n"

    # One chunk of the bodies that are written piece by piece.
    CHUNK = "data: a message of thirty-two\n\n\n"

    # What benchmark/apps/json.ru makes for a request of "/".
    JSON_BODY = '{"path":"/","user":{"id":4711,"name":"Ada Lovelace","email":"ada@example.org","admin":false,"score":98.5},' \
                '"tags":["analysis","engine","numbers"],"next":null}'

    # What benchmark/apps/rails.ru renders.
    RAILS_PAGE = <<~HTML.freeze
      <!DOCTYPE html>
      <html>
        <head><title>Articles</title></head>
        <body>
          <ul>
      #{(1..10).map { |id| %(      <li><a href="/articles/#{id}">Pipes &amp; valves, part #{id}</a></li>) }.join("\n")}
          </ul>
        </body>
      </html>
    HTML

    # Bodies of 1 KB, 10 KB and 1 MB; KB are 1,000 bytes.
    SMALL, MIDDLE, LARGE = [1000, 10_000, 1_000_000].map { |bytes| NUMBERED[bytes].freeze }

    # What a browser sends with a request for a page.
    BROWSER = {
      "User-Agent" => "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
      "Accept" => "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
      "Accept-Language" => "en-GB,en;q=0.7,de;q=0.3",
      "Accept-Encoding" => "gzip, deflate, br, zstd",
      "Referer" => "http://127.0.0.1/articles/2",
      "Cookie" => "session=YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXo6MTIzNDU2Nzg5MA; theme=dark; consent=necessary",
      "Upgrade-Insecure-Requests" => "1",
      "Sec-Fetch-Dest" => "document",
      "Sec-Fetch-Mode" => "navigate",
      "Sec-Fetch-Site" => "same-origin",
      "Sec-Fetch-User" => "?1",
      "Priority" => "u=0, i",
      "Cache-Control" => "max-age=0"
    }.freeze

    # Limits of Penstock with one thread and with five, beside bare hyper.
    TO_HYPER = ->(one, five) { [Goal.new(["penstock", 1], ["hyper", nil], one), Goal.new(["penstock", 5], ["hyper", nil], five)] }

    # The same beside the best of the others with as many threads.
    TO_BEST = ->(one, five) { [Goal.new(["penstock", 1], [Goal::BEST, 1], one), Goal.new(["penstock", 5], [Goal::BEST, 5], five)] }

    # In the order in which they run.
    ALL = [
      Workload.new(name: "hello", title: "one short body", chunks: "hello", body: HELLO,
                   goals: TO_HYPER[1.5, 1.6] + TO_BEST[0.7, 0.55], rate: 2000),
      Workload.new(name: "hello_browser", title: "the same with the headers of a browser", app: "hello",
                   chunks: "hello", headers: BROWSER, body: HELLO),
      Workload.new(name: "hello_http2", title: "one short body on HTTP/2, 100 streams of one connection", app: "hello",
                   chunks: "hello", connections: 1, streams: 100, body: HELLO, goals: TO_HYPER[1.6, 1.7]),
      Workload.new(name: "hello_http2_connections", title: "the same, one stream of each of 64 connections", app: "hello",
                   chunks: "hello", streams: 1, body: HELLO, goals: TO_HYPER[1.6, 1.7]),
      Workload.new(name: "hello_tls", title: "one short body over TLS 1.3", app: "hello", chunks: "hello", body: HELLO,
                   tls: true, beside: true),
      Workload.new(name: "hello_tls_http2", title: "the same on HTTP/2, 100 streams of one connection", app: "hello",
                   chunks: "hello", connections: 1, streams: 100, body: HELLO, tls: true, beside: true),
      Workload.new(name: "hello_tls_http2_connections", title: "the same, one stream of each of 64 connections",
                   app: "hello", chunks: "hello", streams: 1, body: HELLO, tls: true, beside: true),
      Workload.new(name: "handshakes", title: "full handshakes of TLS 1.3, one request for each connection", app: "hello",
                   chunks: "hello", connections: 32, headers: { "Connection" => "close" }, body: HELLO, tls: true,
                   unit: "handshake", tool: Handshakes),
      Workload.new(name: "json", title: "a small JSON document, made for each request", body: JSON_BODY, rate: 2000),
      Workload.new(name: "body_10k", title: "a body of 10 KB in one string", chunks: "body:#{MIDDLE.bytesize}", body: MIDDLE,
                   rate: 2000),
      Workload.new(name: "post_1k", title: "a POST of 1 KB that is answered with its body", app: "echo", chunks: "echo", post: SMALL,
                   body: SMALL),
      Workload.new(name: "post_1m", title: "the same with 1 MB", app: "echo", chunks: "echo", connections: 16, post: LARGE,
                   body: LARGE),
      Workload.new(name: "file_1m", title: "a file of 1 MB, by a body with to_path", chunks: "body:#{LARGE.bytesize}",
                   connections: 16, body: LARGE),
      Workload.new(name: "enumerable_20", title: "a body with 20 chunks from each", chunks: 20, body: CHUNK * 20,
                   goals: TO_BEST[0.8, 0.65], rate: 500),
      Workload.new(name: "streaming_20", title: "a streaming body with 20 writes", chunks: 20, body: CHUNK * 20,
                   goals: TO_BEST[0.8, 0.5], rate: 500),
      Workload.new(name: "streaming_1000", title: "a streaming body with 1,000 writes", chunks: 1000, connections: 16,
                   body: CHUNK * 1000, goals: TO_BEST[0.6, 0.5]),
      Workload.new(name: "partial_hijack", title: "a partial hijack with 20 writes", chunks: 20, body: CHUNK * 20, rate: 500),
      Workload.new(name: "full_hijack", title: "a full hijack, one request for each connection", body: HELLO,
                   goals: TO_BEST[0.9, 0.7], rate: 2000),
      Workload.new(name: "full_hijack_http2", title: "the full hijack translated: 100 streams of one connection of HTTP/2",
                   app: "full_hijack", connections: 1, streams: 100, body: HELLO),
      Workload.new(name: "sleep", title: "an application that sleeps for 10 ms", connections: 256, body: HELLO),
      Workload.new(name: "rails", title: "a page of Rails, with a view and a query of SQLite", gems: %w[rails sqlite3],
                   body: RAILS_PAGE, goals: [Goal.new(["penstock", 5], ["puma", 5], 0.97)], rate: 500)
    ].freeze
  end
end
