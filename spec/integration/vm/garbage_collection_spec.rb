# frozen_string_literal: true

require "spec_helper"
require "support/vm/helper"
require "support/vm/every_kind"

# Whatever the garbage collector frees or moves, and whenever: the server refers to no object that is not marked, and to none by an
# address that was.
RSpec.describe "The garbage collector under a running server" do
  include EveryKind
  include VmHelper

  # Moves every object, to the other half of a heap that was made twice as large once.
  move_all = <<~RUBY
    GC.verify_compaction_references(toward: :empty, #{RUBY_VERSION < "3.2" ? "double_heap" : "expand_heap"}: true)
    def disturb = GC.verify_compaction_references(toward: :empty) && nil
  RUBY

  # What it does => Ruby.
  {
    "does what it likes" => "",
    "runs at every allocation" => "GC.stress = true",
    "runs in the middle of everything" => "def disturb = GC.start",
    "runs all the time, in a thread of its own" => "Thread.new { loop { GC.start; Thread.pass } }",
    "compacts whenever it runs" => "GC.auto_compact = true; def disturb = GC.start",
    "compacts in the middle of everything" => "def disturb = GC.compact && nil",
    "compacts all the time, in a thread of its own" => "Thread.new { loop { GC.compact; Thread.pass } }",
    "moves every object there is, in the middle of everything" => move_all
  }.each do |description, collecting|
    it "harms no exchange of any kind when it #{description}" do
      child = every_kind_program(collecting)
      2.times { expect_every_kind(child) }
      expect(get(child, "/over").body).to eq("over")
      expect_clean_end(child)
    end
  end
end
