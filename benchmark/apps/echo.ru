# frozen_string_literal: true

# Answers with the body of the request.
run lambda { |env|
  body = env["rack.input"].read
  [200, { "content-type" => "text/plain", "content-length" => body.bytesize.to_s }, [body]]
}
