# frozen_string_literal: true

require "spec_helper"
require "support/streaming/examples"

# Rack SPEC, "Streaming Body" and "Response Hijacking".
RSpec.describe "Streaming" do
  StreamingForms::ALL.each_key do |form|
    describe "with #{form}", rack: StreamingForms.rack(form) do
      it_behaves_like "a streaming response", form
      it_behaves_like "a streaming response on HTTP/1.0", form
    end
  end
end
