# frozen_string_literal: true

# Runs examples with a garbage collection at every allocation, which finds objects that the extension uses and does not mark:
#
#   PENSTOCK_GC_STRESS=1 bin/env rspec \
#     spec/integration/streaming/{writing,framing,reading,switching,on_close,contiguity}_spec.rb \
#     spec/integration/hijack/{request,return_values,socket}_spec.rb
#
# Those are the specs that call all that the extension defines and measure no time. They take minutes, on a new Ruby a quarter of an
# hour and more (the limit of an example's time does not hold), so a wait of five seconds may be too short beside other work. The
# collections are minor ones, since RSpec's own objects are many and old; full ones, and such as move the objects, are what
# spec/integration/vm/garbage_collection_spec.rb is about, in every ordinary run and in a process of its own.
module GcStress
  # What `GC.stress=` takes for collections of young objects alone.
  MINOR = 1

  module_function

  # @return [Boolean]
  def wanted?
    ENV["PENSTOCK_GC_STRESS"] == "1"
  end

  # Calls the block under stress. What the first example would load is loaded before: that alone would take a minute.
  def run
    require "penstock"
    GC.stress = MINOR
    yield
  ensure
    GC.stress = false
  end
end
