# frozen_string_literal: true

require "fileutils"
require "openssl"

module Bench
  # A certificate for localhost that signs itself (ECDSA with P-256), one and the same for all servers.
  module Certificate
    # Seconds for which it is valid.
    LIFETIME = 86_400

    module_function

    # @return [Array<String>] the paths of the certificate and of its key; they are new in each run
    def files
      @files ||= begin
        folder = File.join(ROOT, "target/benchmark")
        FileUtils.mkdir_p(folder)
        write(folder)
      end
    end

    # @param folder [String]
    # @return [Array<String>] the paths of a new certificate and of its key in it
    def write(folder)
      key = OpenSSL::PKey::EC.generate("prime256v1")
      { "certificate.pem" => sign(key).to_pem, "key.pem" => key.private_to_pem }.map do |name, pem|
        File.join(folder, name).tap { |path| File.write(path, pem) }
      end
    end

    # @param key [OpenSSL::PKey::EC]
    # @return [OpenSSL::X509::Certificate] valid for LIFETIME
    def sign(key)
      certificate = OpenSSL::X509::Certificate.new
      certificate.version = 2
      certificate.serial = 1
      certificate.subject = certificate.issuer = OpenSSL::X509::Name.parse("/CN=localhost")
      certificate.public_key = key
      certificate.not_before = Time.now - 60
      certificate.not_after = Time.now + LIFETIME
      certificate.sign(key, "SHA256")
    end
  end
end
