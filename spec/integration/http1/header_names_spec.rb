# frozen_string_literal: true

require "spec_helper"

RSpec.describe "Names of request fields that never reach env" do
  extend RawCases

  # A request with these field lines.
  def self.with(*fields)
    "POST / HTTP/1.1\r\nHost: example.org\r\n#{fields.map { |field| "#{field}\r\n" }.join}\r\n"
  end

  # In env the underscore and the dash are one: such a field could pass for one that a proxy has checked.
  accepts({
    "Transfer_Encoding, which frames nothing" => [with("Transfer_Encoding: chunked"), { "HTTP_TRANSFER_ENCODING" => nil, body: "" }],
    "Content_Length, which frames nothing" =>
      [with("Content_Length: 5"), { "CONTENT_LENGTH" => nil, "HTTP_CONTENT_LENGTH" => nil, body: "" }],
    "Content_Type" => [with("Content_Type: text/plain"), { "CONTENT_TYPE" => nil, "HTTP_CONTENT_TYPE" => nil }],
    "X-Forwarded_For" => [with("X-Forwarded_For: 192.0.2.1"), { "HTTP_X_FORWARDED_FOR" => nil }],
    "X_Forwarded_For beside the true one" =>
      [with("X-Forwarded-For: 192.0.2.1", "X_Forwarded_For: 192.0.2.2"), { "HTTP_X_FORWARDED_FOR" => "192.0.2.1" }],
    "X_Forwarded_Proto" =>
      [with("X_Forwarded_Proto: https"), { "HTTP_X_FORWARDED_PROTO" => nil, "rack.url_scheme" => "http", "HTTPS" => nil }],
    "a name that begins with an underscore" => [with("_X: a"), { "HTTP__X" => nil }],
    "Proxy, which CGI libraries take for a setting" => [with("Proxy: http://evil.example/"), { "HTTP_PROXY" => nil }],
    "Version, which is not the protocol's" => [with("Version: HTTP/0.9"), { "HTTP_VERSION" => "HTTP/1.1" }],
    "Content-Type and Content-Length with the prefix of other fields" =>
      ["POST / HTTP/1.1\r\nHost: example.org\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok",
       { "CONTENT_TYPE" => "text/plain", "CONTENT_LENGTH" => "2", "HTTP_CONTENT_TYPE" => nil, "HTTP_CONTENT_LENGTH" => nil, body: "ok" }]
  })
end
