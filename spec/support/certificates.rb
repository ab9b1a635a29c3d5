# frozen_string_literal: true

require "openssl"

# A certificate authority of one example, and the certificates that it signs, as files in PEM.
class Certificates
  # A certificate with its key.
  #
  # @!attribute certificate [OpenSSL::X509::Certificate]
  # @!attribute key [OpenSSL::PKey::EC]
  # @!attribute cert_path [String]
  # @!attribute key_path [String]
  Identity = Struct.new(:certificate, :key, :cert_path, :key_path)

  # @return [Identity] of the authority itself
  attr_reader :authority

  # @param folder [String] where the files go
  def initialize(folder)
    @folder = folder
    @serial = 0
    @authority = issue("authority", names: [], authority: true)
  end

  # @param name [String] of the subject, and of the files
  # @param names [Array<String>] hosts and addresses that it is for: "DNS:app.example", "IP:127.0.0.1"
  # @param authority [Boolean] whether it may sign
  # @return [Identity]
  def issue(name, names: ["DNS:localhost", "IP:127.0.0.1"], authority: false)
    key = OpenSSL::PKey::EC.generate("prime256v1")
    certificate = certificate(name, key, names, authority)
    certificate.sign(authority ? key : @authority.key, "SHA256")
    write(name, certificate, key)
  end

  # @param identity [Identity]
  # @param options [Hash] what else stands behind the `?`
  # @return [String] a place to bind
  def bind(*identities, **options)
    pairs = identities.flat_map { |identity| [["cert", identity.cert_path], ["key", identity.key_path]] }
    "ssl://127.0.0.1:0?#{URI.encode_www_form(pairs + options.to_a)}"
  end

  private

  def certificate(name, key, names, is_authority)
    OpenSSL::X509::Certificate.new.tap do |certificate|
      certificate.version = 2
      certificate.serial = @serial += 1
      certificate.subject = OpenSSL::X509::Name.parse("/O=Penstock specs/CN=#{name}")
      certificate.issuer = is_authority ? certificate.subject : @authority.certificate.subject
      certificate.public_key = key
      certificate.not_before = Time.now - 60
      certificate.not_after = Time.now + 3600
      extend_with(certificate, names, is_authority)
    end
  end

  def extend_with(certificate, names, is_authority)
    factory = OpenSSL::X509::ExtensionFactory.new
    certificate.add_extension(factory.create_extension("basicConstraints", "CA:#{is_authority.to_s.upcase}", true))
    certificate.add_extension(factory.create_extension("subjectAltName", names.join(","))) unless names.empty?
  end

  def write(name, certificate, key)
    cert_path, key_path = %w[cert key].map { |kind| File.join(@folder, "#{name}-#{kind}.pem") }
    File.write(cert_path, certificate.to_pem)
    File.write(key_path, key.private_to_pem)
    Identity.new(certificate, key, cert_path, key_path)
  end
end
