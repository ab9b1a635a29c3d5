# frozen_string_literal: true

module Penstock
  # A value that a person gave to a setting, before it is checked, and where: a flag, "config/penstock.rb:3", the name of an
  # environment variable.
  Given = Struct.new(:value, :source)
end
