# frozen_string_literal: true

require "spec_helper"

RSpec.describe "Request targets and methods (RFC 9112 section 3)" do
  extend RawCases

  # A request with this request line.
  def self.line(text)
    "#{text}\r\nHost: example.org\r\n\r\n"
  end

  describe "targets" do
    refuses 400, {
      "an asterisk with GET" => line("GET * HTTP/1.1"),
      "an asterisk with POST" => line("POST * HTTP/1.1"),
      "an authority with GET" => line("GET a:443 HTTP/1.1"),
      "an authority with OPTIONS" => line("OPTIONS a:443 HTTP/1.1"),
      "a bare word" => line("GET index.html HTTP/1.1"),
      "a query without a path" => line("GET ?a=b HTTP/1.1"),
      "an empty target" => line("GET  HTTP/1.1"),
      "a control character" => line("GET /a\x01b HTTP/1.1"),
      "NUL" => line("GET /a\0b HTTP/1.1"),
      "DEL" => line("GET /a\x7Fb HTTP/1.1"),
      "a tab" => line("GET /a\tb HTTP/1.1")
    }

    accepts({
      "an asterisk with OPTIONS" =>
        [line("OPTIONS * HTTP/1.1"), { "REQUEST_METHOD" => "OPTIONS", "PATH_INFO" => "*", "SCRIPT_NAME" => "" }],
      "a path" =>
        [line("GET /a/b HTTP/1.1"),
         { "PATH_INFO" => "/a/b", "QUERY_STRING" => "", "REQUEST_PATH" => "/a/b", "REQUEST_URI" => "/a/b" }],
      "a query" =>
        [line("GET /a?b=c&d HTTP/1.1"),
         { "PATH_INFO" => "/a", "QUERY_STRING" => "b=c&d", "REQUEST_PATH" => "/a", "REQUEST_URI" => "/a?b=c&d" }],
      "an empty query" => [line("GET /a? HTTP/1.1"), { "PATH_INFO" => "/a", "QUERY_STRING" => "" }],
      "a query with question marks" => [line("GET /a?b?c HTTP/1.1"), { "PATH_INFO" => "/a", "QUERY_STRING" => "b?c" }],
      "percent escapes, which stay" =>
        [line("GET /a%20b%2Fc?d=%26 HTTP/1.1"), { "PATH_INFO" => "/a%20b%2Fc", "QUERY_STRING" => "d=%26" }],
      "parameters of a path segment" => [line("GET /a;b=c HTTP/1.1"), { "PATH_INFO" => "/a;b=c" }],
      "two slashes, which are no authority" =>
        [line("GET //a.example/b HTTP/1.1"), { "PATH_INFO" => "//a.example/b", "SERVER_NAME" => "example.org" }],
      "dots, which stay" => [line("GET /a/../b HTTP/1.1"), { "PATH_INFO" => "/a/../b" }]
    })
  end

  describe "methods" do
    known = %w[GET POST PUT DELETE OPTIONS TRACE PATCH]

    accepts(known.to_h { |name| [name, [line("#{name} / HTTP/1.1"), { "REQUEST_METHOD" => name }]] })

    refuses 501, {
      "CONNECT" => "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n",
      "a method that is not known" => line("BREW / HTTP/1.1"),
      "a method of WebDAV" => line("PROPFIND / HTTP/1.1"),
      "a known method in lower case (RFC 9110 section 9.1: names are case-sensitive)" => line("get / HTTP/1.1"),
      "a known method in mixed case" => line("Post / HTTP/1.1"),
      "a token of odd characters" => line("!#$%&'*+-.^_`|~ / HTTP/1.1")
    }

    refuses 400, {
      "a method with an at sign" => line("G@T / HTTP/1.1"),
      "a method with a quote" => line("GE\"T / HTTP/1.1"),
      "a method with a parenthesis" => line("(GET) / HTTP/1.1"),
      "a method with a colon" => line("GET: / HTTP/1.1"),
      "a method with NUL" => line("GE\0T / HTTP/1.1"),
      "a method with a control character" => line("GE\x01T / HTTP/1.1"),
      "a method that is not ASCII" => line("G\xC3\x89T / HTTP/1.1"),
      "no method" => line(" / HTTP/1.1")
    }

    accepts({
      "an unknown method where any is wanted" => [line("BREW / HTTP/1.1"), { "REQUEST_METHOD" => "BREW" }],
      "a lower-case method where any is wanted" => [line("get / HTTP/1.1"), { "REQUEST_METHOD" => "get" }]
    }, methods: :any)

    refuses 501, { "CONNECT, also where any method is wanted" => "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n" },
            methods: :any
    refuses 400, { "no token, also where any method is wanted" => line("G@T / HTTP/1.1") }, methods: :any
  end
end
