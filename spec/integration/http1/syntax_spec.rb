# frozen_string_literal: true

require "spec_helper"

RSpec.describe "The syntax of an HTTP/1 head" do
  extend RawCases

  # A request with these bytes as its last field line.
  def self.with(field)
    "GET / HTTP/1.1\r\nHost: example.org\r\n#{field}\r\n\r\n"
  end

  describe "fields (RFC 9112 section 5)" do
    refuses 400, {
      "a bare CR in a value" => with("X: a\rb"),
      "a bare CR at the end of a line" => with("X: a\rY: b"),
      "NUL in a value" => with("X: a\0b"),
      "NUL in a name" => with("X\0: a"),
      "a control character in a value" => with("X: a\x01b"),
      "DEL in a value" => with("X: a\x7Fb"),
      "escape in a value" => with("X: \e[0m"),
      "a control character in a name" => with("X\x01: a"),
      "a blank before the colon" => with("X : a"),
      "a tab before the colon" => with("X\t: a"),
      "a blank inside a name" => with("X Y: a"),
      "a blank before the colon of Content-Length" => with("Content-Length : 5"),
      "an empty name" => with(": a"),
      "no colon" => with("X"),
      "no colon but blanks" => with("X a"),
      "a folded line" => with("X: a\r\n b"),
      "a folded line that begins with a tab" => with("X: a\r\n\tb"),
      "a folded line behind an empty value" => with("X:\r\n a"),
      "white space before the first field" => "GET / HTTP/1.1\r\n Host: example.org\r\n\r\n",
      "a tab before the first field" => "GET / HTTP/1.1\r\n\tX: a\r\nHost: example.org\r\n\r\n",
      "a name that is not ASCII" => with("X-\xC3\xA9: a"),
      "a name in Latin-1" => with("X-\xE9: a"),
      "a name with a slash" => with("X/Y: a"),
      "a name in brackets" => with("[X]: a"),
      "a name with quotes" => with("\"X\": a")
    }

    accepts({
      "obs-text in a value, as a binary String (RFC 9110 section 5.5)" => [with("X: \xE9"), { "HTTP_X" => "\xE9".b }],
      "UTF-8 in a value, as a binary String" => [with("X: \u00E9"), { "HTTP_X" => "\u00E9".b }],
      "an empty value" => [with("X:"), { "HTTP_X" => "" }],
      "blanks around a value, which go" => [with("X: \t a b \t "), { "HTTP_X" => "a b" }],
      "a value without a blank before it" => [with("X:a"), { "HTTP_X" => "a" }],
      "a tab inside a value" => [with("X: a\tb"), { "HTTP_X" => "a\tb" }],
      "colons in a value" => [with("X: a:b:c"), { "HTTP_X" => "a:b:c" }],
      "names in any case" => [with("x-ONE: a"), { "HTTP_X_ONE" => "a" }],
      "digits and odd characters in a name" => [with("x1!#$%&'*+.^`|~: a"), {}]
    })

    it "gives values that are not ASCII the encoding ASCII-8BIT" do
      app = Recorder.new
      expect_success(serve(app), self.class.with("X: \xE9"), :kept)
      expect(app.calls.first.env["HTTP_X"].encoding).to eq(Encoding::BINARY)
    end
  end

  describe "the request line (RFC 9112 sections 2.3 and 3)" do
    # A request with this request line.
    def self.line(text)
      "#{text}\r\nHost: example.org\r\n\r\n"
    end

    # HTTP/1.2 and later minor versions: the parser knows 1.0 and 1.1 only; RFC 9110 section 2.5 would have them served.
    refuses [400, 505], {
      "two blanks behind the method" => line("GET  / HTTP/1.1"),
      "two blanks before the version" => line("GET /  HTTP/1.1"),
      "a blank behind the version" => line("GET / HTTP/1.1 "),
      "a tab behind the method" => line("GET\t/ HTTP/1.1"),
      "a tab before the version" => line("GET /\tHTTP/1.1"),
      "a blank before the method" => line(" GET / HTTP/1.1"),
      "a blank in the target" => line("GET /a b HTTP/1.1"),
      "a bare CR behind the method" => line("GET\r/ HTTP/1.1"),
      "HTTP/0.9" => "GET /\r\n",
      "no version" => line("GET /"),
      "http/1.1 in lower case" => line("GET / http/1.1"),
      "HTTP/2.0" => line("GET / HTTP/2.0"),
      "HTTP/3.0" => line("GET / HTTP/3.0"),
      "HTTP/0.9 by name" => line("GET / HTTP/0.9"),
      "HTTP/1.2" => line("GET / HTTP/1.2"),
      "a version of two digits" => line("GET / HTTP/1.10"),
      "a version with a leading zero" => line("GET / HTTP/01.1"),
      "a version without a minor" => line("GET / HTTP/1"),
      "a version with a comma" => line("GET / HTTP/1,1"),
      "another protocol" => line("GET / SIP/2.0"),
      "bytes that are no HTTP" => "\x00\x01\x02\x03\r\n\r\n",
      "a greeting of another protocol" => "EHLO example.org\r\n\r\n"
    }
  end

  describe "empty lines before a request (RFC 9112 section 2.2)" do
    good = "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n"

    accepts({
      "one" => "\r\n#{good}",
      "two" => "\r\n\r\n#{good}",
      "one between two requests" => "#{good}\r\n"
    })
  end

  # A sole LF ends a line too: RFC 9112 section 2.2 says that a recipient MAY take it so, and the parser does. It is no way
  # to smuggle: what counts is that no field is read otherwise than line by line.
  describe "lines that end in a sole LF (RFC 9112 section 2.2: MAY)" do
    accepts({
      "LF behind the request line" => ["GET / HTTP/1.1\nHost: example.org\r\nX: a\r\n\r\n", { "HTTP_X" => "a" }],
      "LF between fields" => [with("X: a\nY: b"), { "HTTP_X" => "a", "HTTP_Y" => "b" }],
      "LF alone everywhere" => ["GET / HTTP/1.1\nHost: example.org\nX: a\n\n", { "HTTP_X" => "a" }]
    })
  end
end
