# frozen_string_literal: true

# How Falcon is started for bin/bench: as its guide says for production (`falcon host`), in one process, on the address and
# with the application that the environment names; with a certificate and its key there, over TLS.

require "falcon/environment/rack"

service "bench" do
  include Falcon::Environment::Rack

  count 1
  rackup_path { File.expand_path(ENV.fetch("BENCH_APP")) }
  # It would compress for clients that accept that, which no other server does.
  middleware { Protocol::Rack::Adapter.new(rack_app) }

  endpoint do
    # Falcon's own settings for TLS allow 1.2 alone, and keys of RSA alone.
    if ENV["BENCH_CERTIFICATE"]
      context = OpenSSL::SSL::SSLContext.new
      context.add_certificate(OpenSSL::X509::Certificate.new(File.read(ENV.fetch("BENCH_CERTIFICATE"))),
                              OpenSSL::PKey.read(File.read(ENV.fetch("BENCH_KEY"))))
      context.alpn_select_cb = ->(offered) { (%w[h2 http/1.1] & offered).first }
    end
    Async::HTTP::Endpoint.parse(ENV.fetch("BENCH_URL"), ssl_context: context)
  end
end
