# frozen_string_literal: true

# One short body whose length is known.
BODY = "Hello, world!\n"

run lambda { |_env|
  [200, { "content-type" => "text/plain", "content-length" => "14" }, [BODY]]
}
