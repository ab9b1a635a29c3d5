# frozen_string_literal: true

require "tempfile"

# Sends the standard output and standard error of this process (the descriptors, so native code too) to a file while a
# server runs inside it: what the server logs can be read there, and does not litter RSpec's report.
class OutputCapture
  def initialize
    @file = Tempfile.create("server-log")
    @saved = streams.map(&:dup)
    streams.each do |stream|
      stream.reopen(@file.path, "a")
      stream.sync = true
    end
  end

  # @return [String] all that was written so far, UTF-8
  def text
    File.read(@file.path, encoding: Encoding::UTF_8).scrub
  end

  # Puts the streams back and removes the file.
  def stop
    streams.zip(@saved) do |stream, saved|
      stream.reopen(saved)
      saved.close
    end
    @file.close
    File.unlink(@file.path)
  end

  private

  def streams
    [STDOUT, STDERR] # rubocop:disable Style/GlobalStdStream -- the descriptors 1 and 2, whatever a spec has put into $stderr
  end
end
