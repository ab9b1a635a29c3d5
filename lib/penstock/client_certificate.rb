# frozen_string_literal: true

require "openssl"

module Penstock
  # What env says of the certificate of a client, in the words of Apache's mod_ssl. Loaded with the first one.
  module ClientCertificate
    # @param der [String] the certificate, which was verified.
    # @return [Hash{String => String}] `SSL_CLIENT_CERT` (PEM) and `SSL_CLIENT_S_DN` (the subject, RFC 2253).
    def self.env(der)
      certificate = OpenSSL::X509::Certificate.new(der)
      {
        "SSL_CLIENT_CERT" => certificate.to_pem,
        "SSL_CLIENT_S_DN" => certificate.subject.to_s(OpenSSL::X509::Name::RFC2253)
      }
    end
  end
end
