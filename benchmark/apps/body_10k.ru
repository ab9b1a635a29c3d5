# frozen_string_literal: true

# A body of 10 KB in one string.
require_relative "numbered"

BODY = NUMBERED[10_000].freeze

run ->(_env) { [200, { "content-type" => "text/plain", "content-length" => "10000" }, [BODY]] }
