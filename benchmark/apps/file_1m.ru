# frozen_string_literal: true

# A file of 1 MB, by a body that has a path.
require "fileutils"
require_relative "numbered"

# A body as Rack's own for files: a server may send what is at its path, or call each.
class FileBody
  # Bytes that are read at once; as many as Rack::Files reads.
  PIECE = 8192

  # Bytes of the file.
  SIZE = 1_000_000

  # Where the file is. It is written when the server starts; a server of the same round may have it open already.
  PATH = File.expand_path("../../tmp/benchmark/file_1m.txt", __dir__).tap do |path|
    text = NUMBERED[SIZE]
    unless File.exist?(path) && File.binread(path) == text
      FileUtils.mkdir_p(File.dirname(path))
      File.binwrite("#{path}.#{Process.pid}", text)
      File.rename("#{path}.#{Process.pid}", path)
    end
  end

  # @return [String] where the file is
  def to_path = PATH

  # @yieldparam piece [String] one after the other
  def each
    File.open(PATH, "rb") do |file|
      while (piece = file.read(PIECE))
        yield piece
      end
    end
  end
end

run ->(_env) { [200, { "content-type" => "text/plain", "content-length" => FileBody::SIZE.to_s }, FileBody.new] }
