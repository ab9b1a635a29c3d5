# frozen_string_literal: true

module Bench
  # Rounds in which each server has its turn, one at a time: A B C A B C …
  module Turns
    # Starts the servers, lets them take turns, and ends them. One with a fault has no further turn.
    # @param contestants [Array<Contestant>] the servers
    # @param rounds [Integer] how often each has its turn
    # @param options [Options] how long a turn is, and the load before the first one
    # @yieldparam running [Array<Contestant>] those without a fault, behind the last round; nothing is yielded without a block
    def self.take(contestants, rounds, options)
      running = -> { contestants.reject(&:fault) }
      contestants.each(&:start)
      running.call.each { |contestant| contestant.warm_up(options.warm_up) }
      rounds.times { running.call.each { |contestant| contestant.turn(options.seconds) } }
      yield running.call if block_given?
    ensure
      contestants.each(&:stop)
    end
  end
end
