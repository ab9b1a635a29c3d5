# frozen_string_literal: true

# What happens in an application, in order: each step with the thread that took it and what it was given.
class Trace
  # One step.
  #
  # @!attribute name [Symbol]
  # @!attribute thread [Thread]
  # @!attribute arguments [Array]
  Step = Struct.new(:name, :thread, :arguments)

  def initialize
    @mutex = Mutex.new
    @steps = []
  end

  # Notes a step of the current thread.
  #
  # @param name [Symbol]
  # @param arguments [Array] what it was given
  # @return [void]
  def note(name, *arguments)
    @mutex.synchronize { @steps << Step.new(name, Thread.current, arguments) }
    nil
  end

  # @return [Array<Step>] all so far
  def steps
    @mutex.synchronize { @steps.dup }
  end

  # @return [Array<Symbol>] their names
  def names
    steps.map(&:name)
  end

  # @return [Array<Step>] those with this name
  def of(name)
    steps.select { |step| step.name == name }
  end

  # @return [Integer] how often the step was taken
  def count(name)
    of(name).size
  end
end
