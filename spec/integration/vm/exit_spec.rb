# frozen_string_literal: true

require "spec_helper"
require "support/vm/helper"

# A program may end without having stopped its server, whatever the server is doing: no crash, no deadlock, the status that
# the program wants.
RSpec.describe "The end of the VM" do
  include VmHelper

  # A program: its server has an open stream, a hijacked socket, a thread in the application, one in a write that waits,
  # one in a read that waits, on_close blocks, and threads that have nothing to do. It ends as `ending` says, once there
  # was a request for /end.
  def busy_program(ending)
    run_program(<<~RUBY)
      $kept = []
      server = start(threads: 8) do |env|
        case env["PATH_INFO"]
        when "/open" then [200, {}, ->(stream) { stream.on_close { $kept << :closed }; stream.write("open"); $kept << stream }]
        when "/lost" then [200, {}, ->(stream) { stream.write("lost") }]
        when "/full" then ($kept << env["rack.hijack"].call).last.write("full") && nil
        when "/held" then puts("held") || Thread::Queue.new.pop
        when "/write" then [200, {}, ->(stream) { puts("write") || loop { stream.write("a" * 100_000) } }]
        when "/read" then puts("read") || [200, {}, [env["rack.input"].read]]
        when "/end"
          $ending << true
          Thread::Queue.new.pop
        end
      end
      $ending = Thread::Queue.new
      #{ending}
    RUBY
  end

  # Opens all that the program's server can have open.
  def make_busy(child)
    %w[/open /lost /full].each { |path| connect(child).write(request_bytes("GET", path)).read_until(path.delete_prefix("/")) }
    connect(child).write(request_bytes("GET", "/held"))
    connect(child, receive_buffer: 4096).write(request_bytes("GET", "/write"))
    connect(child).write(request_bytes("POST", "/read", headers: { "transfer-encoding" => "chunked" }))
    connect(child) # says nothing
    connect(child).write("GET / HT")
    eventually { %w[held write read].all? { |word| child.output.include?(word) } }
  end

  {
    "comes behind the last line" => ["", 0],
    "comes with exit" => ["exit 3", 3],
    "comes with exit!" => ["exit! 4", 4],
    "comes with abort" => ["abort 'over'", 1],
    "comes with an exception" => ["raise IOError, 'over'", 1],
    "comes with at_exit blocks that stop the server" => ["at_exit { server.stop(timeout: 0.1); puts 'stopped' }", 0],
    "comes with at_exit blocks that use the streams" => ["at_exit { $kept.each { |one| one.write('bye') rescue nil } }", 0],
    "comes behind a stop" => ["server.stop(timeout: 0.1)", 0],
    "comes behind a stop! in the middle of a stop" => [<<~RUBY, 0],
      stopping = Thread.new { server.stop(timeout: 60) }
      Thread.pass until stopping.status == "sleep"
      server.stop!
      stopping.join
    RUBY
    "comes while another thread stops the server" => ["Thread.new { server.stop(timeout: 60) }; Thread.pass", 0],
    "comes while another thread runs the server" => ["Thread.new { server.run }; Thread.pass", 0],
    "comes behind a full garbage collection with nothing referred to" => ["$kept.clear; server = nil; 5.times { GC.start }", 0],
    "comes behind GC.compact" => ["GC.compact if GC.respond_to?(:compact)", 0],
    "comes with GC.stress" => ["GC.stress = true", 0],
    "comes behind a second server that was started" => ["start { [200, {}, []] }", 0],
    "comes behind a second server that was stopped" => ["start { [200, {}, []] }.stop", 0],
    "comes from a signal whose trap exits" => ["trap(:USR1) { exit 5 }; Process.kill(:USR1, Process.pid); Thread::Queue.new.pop", 5],
    "comes from Thread#kill of the main thread" => ["Thread.main.kill", 0]
  }.each do |description, (ending, status)|
    it "is clean when it #{description}" do
      child = busy_program("$ending.pop\n#{ending}")
      make_busy(child)
      client = connect(child).write(request_bytes("GET", "/end"))
      expect_clean_end(child, status: status)
      expect(client.read_to_eof).to eq("").or start_with("HTTP/1.1 500 ").or start_with("HTTP/1.1 503 ")
    end
  end

  %w[TERM INT KILL HUP].each do |signal|
    it "comes at once with the signal #{signal} where the program has no trap for it" do
      # Whoever runs the specs may have it ignored, as nohup does with HUP.
      child = busy_program("#{"trap(:#{signal}, 'DEFAULT')\n" unless signal == "KILL"}server.run")
      make_busy(child)
      child.signal(signal)
      ending = child.wait(10)
      expect(ending.termsig).to eq(Signal.list.fetch(signal))
      expect(child.output).not_to match(/\[BUG\]|panicked|terminated with exception/)
    end
  end

  it "is clean where a server was made and never started" do
    child = run_program(<<~RUBY)
      Penstock::Server.new(->(_env) {}, bind: "tcp://127.0.0.1:0")
      start { [200, {}, []] }
    RUBY
    expect_clean_end(child)
  end

  it "is clean where the server could not be started" do
    child = run_program(<<~RUBY)
      first = start { [200, {}, []] }
      begin
        Penstock::Server.new(->(_env) {}, bind: first.url.sub("http", "tcp")).start
      rescue Penstock::ConfigurationError => e
        puts e.message
      end
    RUBY
    expect(expect_clean_end(child)).to match(/address|in use/i)
  end
end
