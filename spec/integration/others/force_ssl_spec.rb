# frozen_string_literal: true

require "spec_helper"
require "action_dispatch"

# What Rails puts in front of an application that has `config.force_ssl`.
RSpec.describe "ActionDispatch::SSL" do
  def application
    app = ->(_env) { [200, { "set-cookie" => "session=1; path=/; httponly" }, ["secret"]] }
    ActionDispatch::SSL.new(app)
  end

  def facts(response) = [response.status, response["location"], response["set-cookie"]&.downcase&.include?("secure")]

  let(:certificates) { Certificates.new(temporary_folder) }

  it "sends a plain request to https" do
    expect(facts(get(serve(application), "/a?b=c"))).to eq([301, "https://example.org/a?b=c", nil])
  end

  it "takes an encrypted one, and marks its cookies" do
    server = serve(application, bind: certificates.bind(certificates.issue("server")))
    expect(facts(get(server, "/"))).to eq([200, nil, true])
    response = connect_http2(server).request("GET", "/", headers: { ":scheme" => "https" })
    expect(facts(response)).to eq([200, nil, true])
  end

  it "does not send those of a proxy that has ended TLS in a circle" do
    server = serve(application)
    expect(facts(get(server, "/", "x-forwarded-proto" => "https"))).to eq([200, nil, true])
    expect(facts(connect_http2(server).request("GET", "/", headers: { "x-forwarded-proto" => "https" }))).to eq([200, nil, true])
  end
end
