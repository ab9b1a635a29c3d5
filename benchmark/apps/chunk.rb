# frozen_string_literal: true

# What the applications of this folder write: 32 bytes, about the size of a token or of a small event.
CHUNK = "data: a message of thirty-two\n\n\n"

# The headers of their responses; without a content-length where the body is written piece by piece.
HEADERS = { "content-type" => "text/plain" }.freeze
