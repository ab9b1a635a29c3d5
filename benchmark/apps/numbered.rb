# frozen_string_literal: true

# Text in which no two lines are alike, so that a piece that is missing, or in another place, shows: lines of 8 bytes, each
# with its number. Its argument is a number of bytes, a multiple of 8.
NUMBERED = ->(bytes) { Array.new(bytes / 8) { |number| format("%07d\n", number) }.join }
