# frozen_string_literal: true

module Penstock
  # The version of the gem; Cargo.toml names the same one.
  VERSION = "0.1.0"
end
