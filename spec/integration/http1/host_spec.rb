# frozen_string_literal: true

require "spec_helper"

RSpec.describe "The authority of an HTTP/1 request (RFC 9112 section 3.2)" do
  extend RawCases

  refuses 400, {
    "HTTP/1.1 without Host" => "GET / HTTP/1.1\r\n\r\n",
    "HTTP/1.1 without Host, but with other fields" => "GET / HTTP/1.1\r\nX-Host: example.org\r\n\r\n",
    "an absolute target without Host" => "GET http://example.org/ HTTP/1.1\r\n\r\n",
    "two differing Hosts" => "GET / HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n",
    "two equal Hosts" => "GET / HTTP/1.1\r\nHost: a.example\r\nHost: a.example\r\n\r\n",
    "two Hosts with fields between them" => "GET / HTTP/1.1\r\nHost: a.example\r\nX: 1\r\nhost: b.example\r\n\r\n",
    "two Hosts on HTTP/1.0" => "GET / HTTP/1.0\r\nHost: a.example\r\nHost: b.example\r\n\r\n",
    "an empty Host" => "GET / HTTP/1.1\r\nHost:\r\n\r\n",
    "a Host of blanks" => "GET / HTTP/1.1\r\nHost:  \t \r\n\r\n",
    "a Host with a blank inside" => "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
    "a Host with a path" => "GET / HTTP/1.1\r\nHost: a.example/b\r\n\r\n",
    "a Host with a query" => "GET / HTTP/1.1\r\nHost: a.example?b\r\n\r\n",
    "a Host with a fragment" => "GET / HTTP/1.1\r\nHost: a.example#b\r\n\r\n",
    "a Host with user information" => "GET / HTTP/1.1\r\nHost: user@a.example\r\n\r\n",
    "a Host with a backslash" => "GET / HTTP/1.1\r\nHost: a.example\\b\r\n\r\n",
    "a Host that is a URL" => "GET / HTTP/1.1\r\nHost: http://a.example\r\n\r\n",
    "a Host whose port has letters" => "GET / HTTP/1.1\r\nHost: a.example:http\r\n\r\n",
    "a Host whose port has a sign" => "GET / HTTP/1.1\r\nHost: a.example:+80\r\n\r\n",
    "a Host with two ports" => "GET / HTTP/1.1\r\nHost: a.example:80:81\r\n\r\n",
    "a Host that is only a port" => "GET / HTTP/1.1\r\nHost: :80\r\n\r\n",
    "a Host with an open bracket" => "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n",
    "a Host with text behind the bracket" => "GET / HTTP/1.1\r\nHost: [::1]a\r\n\r\n",
    "a Host with quotes" => "GET / HTTP/1.1\r\nHost: \"a.example\"\r\n\r\n",
    "a Host with angle brackets" => "GET / HTTP/1.1\r\nHost: <a.example>\r\n\r\n"
  }

  accepts({
    "a Host" =>
      ["GET / HTTP/1.1\r\nHost: a.example\r\n\r\n",
       { "HTTP_HOST" => "a.example", "SERVER_NAME" => "a.example", "SERVER_PORT" => "80" }],
    "a Host with a port" =>
      ["GET / HTTP/1.1\r\nHost: a.example:8080\r\n\r\n",
       { "HTTP_HOST" => "a.example:8080", "SERVER_NAME" => "a.example", "SERVER_PORT" => "8080" }],
    "a Host with an empty port" =>
      ["GET / HTTP/1.1\r\nHost: a.example:\r\n\r\n", { "SERVER_NAME" => "a.example", "SERVER_PORT" => "80" }],
    "an IPv4 Host" =>
      ["GET / HTTP/1.1\r\nHost: 127.0.0.1:81\r\n\r\n", { "SERVER_NAME" => "127.0.0.1", "SERVER_PORT" => "81" }],
    "an IPv6 Host, whose name keeps its brackets" =>
      ["GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n",
       { "HTTP_HOST" => "[::1]:8080", "SERVER_NAME" => "[::1]", "SERVER_PORT" => "8080" }],
    "an IPv6 Host without a port" =>
      ["GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n", { "SERVER_NAME" => "[::1]", "SERVER_PORT" => "80" }],
    "an absolute target, whose authority wins over Host (RFC 9112 section 3.2.2)" =>
      ["GET http://target.example:8080/p?q=1 HTTP/1.1\r\nHost: other.example:9\r\n\r\n",
       { "HTTP_HOST" => "target.example:8080", "SERVER_NAME" => "target.example", "SERVER_PORT" => "8080",
         "PATH_INFO" => "/p", "QUERY_STRING" => "q=1" }],
    "an absolute target without a port or a path" =>
      ["GET http://target.example HTTP/1.1\r\nHost: other.example:9\r\n\r\n",
       { "HTTP_HOST" => "target.example", "SERVER_NAME" => "target.example", "SERVER_PORT" => "80", "PATH_INFO" => "/" }]
  })

  accepts({
    "a Host on HTTP/1.0" =>
      ["GET / HTTP/1.0\r\nHost: a.example:8080\r\n\r\n",
       { "HTTP_HOST" => "a.example:8080", "SERVER_NAME" => "a.example", "SERVER_PORT" => "8080" }]
  }, connection: :closed)

  it "takes name and port from the listener where HTTP/1.0 has no Host" do
    app = Recorder.new
    server = serve(app)
    expect_success(server, "GET / HTTP/1.0\r\n\r\n", :closed)
    expect_env(app.calls.first, "HTTP_HOST" => nil, "SERVER_NAME" => server.host, "SERVER_PORT" => server.port.to_s)
  end
end
