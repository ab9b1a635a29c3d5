# frozen_string_literal: true

# A Rack application that keeps what it was called with, reads the body, and answers 200.
class Recorder
  # One call.
  #
  # @!attribute env [Hash]
  # @!attribute body [String, nil] nil when reading it raised
  # @!attribute error [Exception, nil] what reading it raised
  Call = Struct.new(:env, :body, :error)

  def initialize
    @calls = Queue.new
    @starts = Queue.new
    @seen = []
  end

  # Rack's entry point.
  def call(env)
    @starts << env
    call = Call.new(env)
    begin
      call.body = env["rack.input"].read
    rescue StandardError => e
      call.error = e
    end
    @calls << call
    raise call.error if call.error

    [200, { "content-type" => "text/plain" }, ["ok"]]
  end

  # @return [Integer] calls that have begun, also those that still read
  def started
    @starts.size
  end

  # @return [Array<Call>] all calls whose body has been read, or could not be
  def calls
    @seen << @calls.pop until @calls.empty?
    @seen
  end

  # @return [Array<String>] the paths called so far
  def paths
    calls.map { |call| call.env["PATH_INFO"] }
  end
end
