# frozen_string_literal: true

require "timeout"

# What an application may do to the thread that calls it.
module Faults
  # A row of the table.
  #
  # @!attribute action [Proc] what the application does
  # @!attribute error [Class, nil] what this raises; nil: the thread ends without an exception
  # @!attribute text [String] a part of what has to be in the log
  Fault = Struct.new(:action, :error, :text)

  # The words of the errors below; a client must not see them.
  WORDS = "a secret of the application"

  # An error that is no StandardError.
  class Unusual < Exception; end # rubocop:disable Lint/InheritException -- an application may have one like it

  # What a panic of the extension becomes (its class has no name in Ruby).
  FATAL = ObjectSpace.each_object(Class).find { |type| type.name == "fatal" }

  # Calls itself until the stack is full.
  RECURSION = ->(proc) { 1 + proc.call(proc) }

  # Has another thread do something to this one.
  FROM_OUTSIDE = lambda do |action|
    target = Thread.current
    Thread.new { action.call(target) }
    Thread::Queue.new.pop # interrupted by that thread
  end

  # Description => fault.
  ALL = {
    "a StandardError" => Fault.new(-> { raise ArgumentError, WORDS }, ArgumentError, WORDS),
    "a NoMemoryError" => Fault.new(-> { raise NoMemoryError, WORDS }, NoMemoryError, WORDS),
    "a ScriptError" => Fault.new(-> { raise NotImplementedError, WORDS }, NotImplementedError, WORDS),
    "a LoadError" => Fault.new(-> { require "penstock/no_such_file" }, LoadError, "penstock/no_such_file"),
    "a SystemStackError" => Fault.new(-> { RECURSION.call(RECURSION) }, SystemStackError, "stack level too deep"),
    "a throw that nobody catches" => Fault.new(-> { throw :nobody }, UncaughtThrowError, "uncaught throw :nobody"),
    "exit" => Fault.new(-> { exit }, SystemExit, "exit"),
    "abort" => Fault.new(-> { abort WORDS }, SystemExit, WORDS),
    "a time-out" => Fault.new(-> { Timeout.timeout(0.01) { Thread::Queue.new.pop } }, Timeout::Error, "execution expired"),
    "an Interrupt" => Fault.new(-> { raise Interrupt, WORDS }, Interrupt, WORDS),
    "an Exception" => Fault.new(-> { raise Unusual, WORDS }, Unusual, WORDS),
    "what a panic in Rust becomes" => Fault.new(-> { raise FATAL.allocate, WORDS }, FATAL, WORDS),
    "an error that another thread raises in it" =>
      Fault.new(-> { FROM_OUTSIDE.call(->(thread) { thread.raise(IOError, WORDS) }) }, IOError, WORDS),
    "the end of its thread" => Fault.new(-> { Thread.current.kill }, nil, ""),
    "the end of its thread by another one" => Fault.new(-> { FROM_OUTSIDE.call(:kill.to_proc) }, nil, "")
  }.freeze
end
