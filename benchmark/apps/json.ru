# frozen_string_literal: true

# A small JSON document that is made for each request, as an API makes it.
require "json"

run lambda { |env|
  body = JSON.generate(
    "path" => env["PATH_INFO"],
    "user" => { "id" => 4711, "name" => "Ada Lovelace", "email" => "ada@example.org", "admin" => false, "score" => 98.5 },
    "tags" => %w[analysis engine numbers],
    "next" => nil
  )
  [200, { "content-type" => "application/json", "content-length" => body.bytesize.to_s }, [body]]
}
