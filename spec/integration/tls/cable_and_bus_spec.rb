# frozen_string_literal: true

require "spec_helper"
require "support/cable/examples"
require "support/message_bus/examples"

# The same examples as without TLS.
RSpec.describe "Over TLS" do
  describe "ActionCable" do
    before(:context) do
      @folder = Dir.mktmpdir("spec")
      certificates = Certificates.new(@folder)
      @place = certificates.bind(certificates.issue("server"))
    end

    after(:context) { FileUtils.rm_rf(@folder) }

    def application_options
      { args: ["-b", @place] }
    end

    def endpoint
      { ssl_context: OpenSSL::SSL::SSLContext.new }
    end

    it_behaves_like "ActionCable"
    it_behaves_like "ActionCable at the server's end"
  end

  describe "MessageBus" do
    include OverTls
    include MessageBusHelper

    it_behaves_like "MessageBus"
  end
end
