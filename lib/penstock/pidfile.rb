# frozen_string_literal: true

require_relative "errors"

module Penstock
  # A file with the id of this process, for as long as it serves.
  class Pidfile
    # @param path [String, nil] the file; nil for none.
    def initialize(path)
      @path = path
    end

    # Writes the file, runs the block and removes the file.
    # @return [Object] what the block returns.
    # @raise [ConfigurationError] if it names another process that lives, or cannot be written.
    def hold
      return yield unless @path

      write
      begin
        yield
      ensure
        remove
      end
    end

    private

    # A file of a process that is no more is replaced. Of two processes that do so at once, one gets to create the new one.
    def write
      File.open(@path, File::CREAT | File::EXCL | File::WRONLY, 0o644) { |file| file.puts(Process.pid) }
    rescue Errno::EEXIST
      refuse_living
      File.unlink(@path)
      retry
    rescue SystemCallError => e
      raise ConfigurationError, "pidfile: #{e.message}; name a file that this user may write"
    end

    # Only what this process wrote.
    def remove
      File.unlink(@path) if owner == Process.pid
    rescue Errno::ENOENT
      nil # Somebody else has tidied up; there is nothing left to do.
    end

    def owner = Integer(File.read(@path).strip, 10, exception: false)

    def refuse_living
      pid = owner
      return unless pid&.positive? && pid != Process.pid && alive?(pid)

      raise ConfigurationError, "pidfile: #{@path} names the process #{pid}, which lives; stop it, or name another file"
    end

    def alive?(pid)
      Process.kill(0, pid)
      true
    rescue Errno::ESRCH
      false
    rescue Errno::EPERM
      true
    end
  end
end
