# frozen_string_literal: true

require "spec_helper"
require "support/streaming/helper"

# One write is contiguous, however many threads write and however slowly the client reads.
RSpec.describe "Writes of many threads into one stream" do
  include StreamingHelper

  # Bytes of one message: more than the half of the send buffer, so that most of them have to wait in the middle.
  size = 200_000

  # A message of one letter with its length in front, so that a piece of another would show.
  define_method(:message) { |letter| "#{size}:#{letter * size}" }

  # Takes the text apart.
  #
  # @return [Array<String>] the letter of each message
  define_method(:letters_of) do |text|
    letters = []
    until text.empty?
      head = text.slice!(0, size.to_s.size + 1)
      body = text.slice!(0, size)
      expect([head, body.bytesize, body.squeeze.size]).to eq(["#{size}:", size, 1])
      letters << body[0]
    end
    letters
  end

  {
    "with write" => ->(stream, text) { stream.write(text) },
    "with <<" => ->(stream, text) { stream << text },
    "with write of several arguments" => ->(stream, text) { stream.write(*text.partition(":"), "") }
  }.each do |name, operation|
    it "#{name} arrive each as a whole" do
      response, stream = open_stream(serve_left_open, receive_buffer: 4096)
      writers = ("a".."h").map { |letter| Thread.new { 5.times { operation.call(stream, message(letter)) } } }
      closing = Thread.new { writers.each(&:join) && stream.close }
      letters = letters_of(response.rest)
      closing.join
      expect(letters.tally).to eq(("a".."h").to_h { |letter| [letter, 5] })
    end
  end

  it "arrive in the order in which one thread has written them" do
    response, stream = open_stream(serve_left_open(send_buffer_bytes: 10_000), receive_buffer: 4096)
    writers = %w[a b c].map do |name|
      Thread.new { 500.times { |number| stream.write(name, number, "\n") } }
    end
    closing = Thread.new { writers.each(&:join) && stream.close }
    lines = response.rest.lines(chomp: true)
    closing.join
    %w[a b c].each do |name|
      expect(lines.grep(/\A#{name}/)).to eq(Array.new(500) { |number| "#{name}#{number}" })
    end
  end

  it "let others write when one of them gives up in the middle" do
    response, stream = open_stream(serve_left_open(send_buffer_bytes: 10_000), receive_buffer: 4096)
    given_up = Thread.new { stream.write("x" * 20_000_000) }
    eventually { given_up.stop? }
    waiting = Thread.new { stream.write("the end") && stream.close }
    eventually { waiting.stop? }
    given_up.kill
    expect(response.rest).to match(/\Ax+the end\z/)
    waiting.join
  end
end
