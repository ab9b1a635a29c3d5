# frozen_string_literal: true

require "spec_helper"
require "support/vm/helper"

# Penstock's objects belong to the main Ractor. Others get an error that Ruby raises, and can do no harm: the extension is not
# declared to be safe there, its objects can be neither shared nor copied nor moved.
RSpec.describe "A Ractor that calls into Penstock" do
  include VmHelper

  # A program that at /ractor answers with what `source` returns or raises, the cause included.
  def ractor_program(source)
    run_program(<<~RUBY)
      Warning[:experimental] = false
      Thread.report_on_exception = false

      def result(ractor) = ractor.respond_to?(:value) ? ractor.value : ractor.take

      server = start(threads: 2) do |env|
        case env["PATH_INFO"]
        when "/stream" then [200, {}, ->(stream) { ($stream = stream).write("open") }]
        when "/close" then $stream.close || [200, {}, ["closed"]]
        when "/ractor"
          text = begin
            result(#{source}).inspect
          rescue Exception => e
            [e, e.cause].compact.map { |error| "\#{error.class}: \#{error.message}" }.join("; ")
          end
          [200, {}, [text]]
        else [200, {}, ["alive"]]
        end
      end
      $engine = server.instance_variable_get(:@engine)
      $server = server
      server.wait
    RUBY
  end

  # What it tries: description => Ruby that makes a Ractor, and what comes of it.
  {
    "makes a server" => ["Ractor.new { Penstock::Server.new(->(_env) {}) }", /RemoteError.*Ractor::IsolationError: .*non-main Ractor/],
    "makes an engine" => ["Ractor.new { Penstock::Engine.new({}, [], {}, nil) }", /RemoteError.*Ractor::UnsafeError: .*not main ractor/],
    "makes a group" => ["Ractor.new { Penstock::Group.new }", /RemoteError.*Ractor::UnsafeError: .*not main ractor/],
    "wants to share a group" =>
      ["Ractor.make_shareable(Penstock::Group.new)", /Ractor::Error: can not make shareable object for #<Penstock::Group/],
    "adds a hook to the drain" => ["Ractor.new { Penstock.on_drain { nil } }", /RemoteError.*Ractor::IsolationError: .*non-main Ractor/],
    "wants a copy of a stream" =>
      ["Ractor.new($stream) { |stream| stream.write('x') }", /TypeError: allocator undefined for Penstock::Stream/],
    "wants to have a stream" =>
      ["Ractor.new { Ractor.receive.write('x') }.send($stream, move: true)", /TypeError: allocator undefined for Penstock::Stream/],
    "wants to share a stream" =>
      ["Ractor.make_shareable($stream)", /Ractor::Error: can not make shareable object for #<Penstock::Stream/],
    "wants to share an engine" =>
      ["Ractor.make_shareable($engine)", /Ractor::Error: can not make shareable object for #<Penstock::Engine/],
    "wants to share a server" => ["Ractor.new($server) { |server| server.stats }", /TypeError: allocator undefined for/],
    "uses a global variable" =>
      ["Ractor.new { $stream.write('x') }", /Ractor::(IsolationError|RemoteError|UnsafeError).*\$stream.*non-main/],
    "reads the version, which is for everybody" => ["Ractor.new { Penstock::VERSION }", /\A"\d+\.\d+\.\d+/],
    "has nothing to do with it, and computes for the application" => ["Ractor.new { 6 * 7 }", /\A42\z/]
  }.each do |description, (source, expected)|
    it "#{expected.source.start_with?("\\A") ? "is served" : "gets an error, and nothing else happens,"} when it #{description}" do
      child = ractor_program(source)
      client = connect(child).write(request_bytes("GET", "/stream"))
      client.read_head
      expect(client.read_chunk).to eq("open")
      expect(get(child, "/ractor").body).to match(expected)
      expect(client.received).to eq("")
      expect(get(child, "/close").body).to eq("closed")
      expect(client.read_chunk).to be_nil
      3.times { expect(get(child, "/alive").body).to eq("alive") }
      expect(child.output).not_to match(VmHelper::CRASH)
    end
  end
end
