# frozen_string_literal: true

require "spec_helper"
require "json"
require "support/vm/helper"

# A fork when no server runs any more, or not yet, is a fork like any other: a preforking program serves from its children.
RSpec.describe "A fork of a process whose server has stopped" do
  include VmHelper

  # What every program here begins with.
  setup = <<~'RUBY'
    require "json"
    require "net/http"

    # What a child reports, after its end.
    def in_child
      reader, writer = IO.pipe
      pid = fork do
        report = begin
          yield
        rescue Exception => e
          [e.class, e.message]
        end
        writer.write(JSON.dump(report))
        exit!(0)
      end
      writer.close
      Process.wait(pid)
      reader.read
    end

    # The response to a GET.
    def get(server)
      socket = TCPSocket.new("127.0.0.1", URI(server.url).port)
      socket.write("GET / HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n")
      socket.read.lines.last
    ensure
      socket&.close
    end

    def stopped_server
      start { |env| ($stream = env["penstock.stream"]) && [200, {}, ["alive"]] }.tap do |server|
        get(server)
        server.stop(timeout: 1)
      end
    end
  RUBY

  # What the program reports, which is the last line that it prints.
  define_method(:report) do |source|
    JSON.parse(expect_clean_end(run_program("#{setup}\n#{source}")).lines.last)
  end

  it "leaves every descriptor open in the child, whatever numbers the server had" do
    closed = report(<<~RUBY)
      before = start { [200, {}, []] }
      later = Array.new(3) { start { [200, {}, []] } }
      [before, *later].each { |server| server.stop(timeout: 1) }
      files = Array.new(100) { File.open("/dev/null") }
      puts(in_child { files.count { |file| file.stat && false rescue true } })
    RUBY
    expect(closed).to eq(0)
  end

  it "leaves descriptors open in the child's own child, whose numbers were the running server's" do
    closed = report(<<~RUBY)
      server = start { [200, {}, []] }
      puts(in_child do
        files = Array.new(100) { File.open("/dev/null") }
        JSON.parse(in_child { files.count { |file| file.stat && false rescue true } })
      end)
      server.stop(timeout: 1)
    RUBY
    expect(closed).to eq(0)
  end

  {
    "in the child" => "in_child { start(quiet: true) { [200, {}, ['by the child']] }.then { |server| [get(server), server.stop] } }",
    "in the child's own child" =>
      "in_child { JSON.parse(in_child { start { [200, {}, ['by the child']] }.then { |server| [get(server), server.stop] } }) }"
  }.each do |where, source|
    it "lets a new server run #{where}" do
      expect(report("stopped_server\nputs(#{source})")).to eq(["by the child", nil])
    end
  end

  it "lets a server run in each of several children, and in the parent again" do
    expect(report(<<~RUBY)).to eq(%w[one two parent])
      stopped_server
      children = %w[one two].map { |name| in_child { get(start { [200, {}, [name]] }) } }
      server = start { [200, {}, ["parent"]] }
      puts JSON.dump([*children.map { |child| JSON.parse(child) }, get(server)])
      server.stop(timeout: 1)
    RUBY
  end

  # What belongs to the parent's server: description => Ruby.
  {
    "a stream" => "$stream.write('by the child')",
    "what a stream is asked" => "$stream.closed?",
    "the statistics" => "$server.stats"
  }.each do |what, source|
    it "has #{what} of the parent's server raise ForkError in the child" do
      expect(report("$server = stopped_server\nputs(in_child { #{source} })")).to match(["Penstock::ForkError", /parent/])
    end
  end

  it "has the use of the parent's stream be an error of the child's application like any other" do
    expect(report(<<~RUBY)).to eq([500, 200])
      stopped_server
      puts(in_child do
        parent = $stream
        server = start(threads: 1) { |env| env["PATH_INFO"] == "/parent" ? parent.write("late") : [200, {}, ["alive"]] }
        %w[/parent /].map { |path| Net::HTTP.get_response(URI(server.url + path)).code.to_i }
      end)
    RUBY
  end

  it "lets the child end the parent's server, which has stopped, and collect its garbage" do
    expect(report(<<~RUBY)).to eq([nil, nil, "done"])
      $server = stopped_server
      puts(in_child { [$server.stop, $server.stop!, ($server = $stream = nil) || (3.times { GC.start } && "done")] })
    RUBY
  end
end
