# frozen_string_literal: true

# An application that waits 10 ms, as for a database, and holds its thread meanwhile.
BODY = "Hello, world!\n"

run lambda { |_env|
  sleep 0.01
  [200, { "content-type" => "text/plain", "content-length" => "14" }, [BODY]]
}
