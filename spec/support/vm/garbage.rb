# frozen_string_literal: true

# For the specs of what the garbage collector finds. It is conservative: what happens to lie on a stack or in a register keeps an
# object alive, and so it can be said of many objects that most are found, and of no single one when.
module Garbage
  # How many objects an example loses.
  MANY = 50

  # How many of them the collector has to find.
  MOST = 40

  # Collects garbage, after the server's threads have served something else: what they had on their stacks is overwritten.
  #
  # @param server [RunningServer] that answers at /ordinary
  # @return [void]
  def collect(server)
    10.times { get(server, "/ordinary") }
    GC.start
  end

  # Collects garbage until the block is true.
  #
  # @param server [RunningServer]
  # @raise [Eventually::NotReached] after 20 s
  def collect_until(server)
    eventually(20) do
      collect(server)
      yield
    end
  end
end
