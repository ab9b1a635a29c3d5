# frozen_string_literal: true

require_relative "certificates"

# Has the servers of a group listen with TLS: what its examples expect holds there as well.
module OverTls
  # Gives the group `certificates`, a certificate authority of the example.
  def self.included(group)
    group.let(:certificates) { Certificates.new(temporary_folder) }
  end

  # As ServerHelper's, with a place that encrypts unless the example binds another one.
  def serve(app = nil, **settings, &)
    super(app, bind: certificates.bind(certificates.issue("server")), **settings, &)
  end
end
