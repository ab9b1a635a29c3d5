# frozen_string_literal: true

module Penstock
  # How many file descriptors the process may have.
  module OpenFiles
    # Raises the soft limit to the hard one, as every process may; each connection takes a descriptor.
    # @return [Integer] the limit now.
    def self.raise_limit
      soft, hard = Process.getrlimit(:NOFILE)
      Process.setrlimit(:NOFILE, hard, hard) if soft < hard
      hard
    rescue Errno::EPERM, Errno::EINVAL
      soft # Some systems have a hard limit beyond what they allow; the soft one serves as well.
    end
  end
end
