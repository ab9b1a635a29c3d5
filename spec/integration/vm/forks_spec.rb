# frozen_string_literal: true

require "spec_helper"
require "json"
require "support/vm/helper"
require "support/vm/fork_program"

# Gems fork while a server runs. The connections are the parent's: the child must neither use nor keep them.
RSpec.describe "A fork of a process with a running server" do
  include VmHelper
  include ForkProgram

  # Opens a stream, and reads its beginning.
  def open_stream(child, path = "/stream", method: "GET", headers: {})
    client = connect(child).write(request_bytes(method, path, headers: headers))
    client.read_head
    expect(client.read_chunk).to eq("open")
    client
  end

  # Has a connection taken over, and reads what is written to it.
  def open_hijacked(child)
    client = connect(child).write(request_bytes("GET", "/hijack"))
    expect(client.read_bytes(4)).to eq("open")
    client
  end

  # @return [Object] what a forked child reports
  def fork_report(child)
    JSON.parse(get(child, "/fork").body)
  end

  # Expects that the children end with status 0, and that the parent goes on.
  def expect_clean(child)
    expect(get(child, "/let-go").body).to match(/\A\[0(, 0)*\]\z/)
    3.times { expect(get(child, "/alive").body).to eq("alive") }
    expect(child.output).not_to match(VmHelper::CRASH)
  end

  # Ways to fork.
  {
    "Kernel#fork" => "fork", "Process.fork" => "Process.fork",
    "IO.popen" => '(->(&block) { IO.popen("-").then { |io| io ? io.pid : (block.call; exit!(0)) } }).call',
    "Kernel#fork in a thread" => "(->(&block) { Thread.new { fork(&block) }.value }).call",
    "Kernel#fork in a fiber" => "(->(&block) { Fiber.new { fork(&block) }.resume }).call"
  }.each do |name, fork|
    it "by #{name} leaves no socket in the child but the application's own, so that what the parent closes has ended" do
      child = forking_program('[sockets, [$open["/hijack"].fileno]]', fork: fork)
      streaming = open_stream(child, headers: { "connection" => "close" })
      hijacked = open_hijacked(child)
      connect(child).write("GET / HT")
      held, own = fork_report(child)
      expect(held).to eq(own)
      expect(get(child, "/close").body).to eq("closed")
      expect(streaming.read_chunk).to be_nil
      expect([streaming, hijacked]).to all(be_eof)
      expect_clean(child)
    end
  end

  # The process that goes on is the child.
  it "by Process.daemon leaves no socket either, and every call raises" do
    report = File.join(temporary_folder, "report")
    program = <<~RUBY
      require "penstock"
      server = Penstock::Server.new(->(_env) { [200, {}, []] }, bind: "tcp://127.0.0.1:0", quiet: true).start
      Process.daemon(true, true)
      sockets = Dir.glob("/proc/self/fd/*").count { |path| File.symlink?(path) && File.readlink(path).start_with?("socket:") }
      error = begin
        server.stats
      rescue Penstock::ForkError => e
        e.class
      end
      File.write(ARGV[0] + ".new", [sockets, error].inspect)
      File.rename(ARGV[0] + ".new", ARGV[0])
    RUBY
    expect(system(RbConfig.ruby, "-I#{ServerHelper::ROOT}/lib", "-e", program, report)).to be(true)
    eventually(20) { File.exist?(report) }
    expect(File.read(report)).to eq("[0, Penstock::ForkError]")
  end

  # What a child may try: description => Ruby.
  {
    "stream.write" => '$open["/stream"].write("by the child")',
    "stream <<" => '$open["/stream"] << "by the child"',
    "stream.write_nonblock" => '$open["/stream"].write_nonblock("by the child")',
    "stream.flush" => '$open["/stream"].flush',
    "stream.read" => '$open["/upload"].read',
    "stream.readpartial" => '$open["/upload"].readpartial(1)',
    "stream.read_nonblock" => '$open["/upload"].read_nonblock(1)',
    "stream.close" => '$open["/stream"].close',
    "stream.close_read" => '$open["/stream"].close_read',
    "stream.close_write" => '$open["/stream"].close_write',
    "stream.closed?" => '$open["/stream"].closed?',
    "stream.answered?" => '$open["/stream"].answered?',
    "stream.hijacked?" => '$open["/stream"].hijacked?',
    "stream.finished?" => '$open["/stream"].finished?',
    "stream.input_failure" => '$open["/stream"].input_failure',
    "stream.head?" => '$open["/stream"].head?',
    "stream.on_close" => '$open["/stream"].on_close {}',
    "stream.slow_consumer=" => '$open["/stream"].slow_consumer = :raise',
    "stream.write_timeout=" => '$open["/stream"].write_timeout = 1',
    "group.write" => '$group.write("by the child")',
    "group.add" => '$group.add($open["/stream"])',
    "group.delete" => '$group.delete($open["/stream"])',
    "group.include?" => '$group.include?($open["/stream"])',
    "group.size" => "$group.size",
    "group.close" => "$group.close",
    "group.closed?" => "$group.closed?",
    "rack.input.read" => '$open["/held"]["rack.input"].read',
    "rack.input.gets" => '$open["/held"]["rack.input"].gets',
    "rack.hijack" => '$open["/held"]["rack.hijack"].call',
    "rack.early_hints" => '$open["/held"]["rack.early_hints"].call("link" => "</a>; rel=preload")',
    "rack.errors.puts" => '$open["/held"]["rack.errors"].puts("by the child")',
    "server.stop" => "$server.stop(timeout: 0)",
    "server.stop!" => "$server.stop!",
    "server.wait" => "$server.wait",
    "server.stats" => "$server.stats",
    "server.url" => "$server.url",
    "server.reopen_logs" => "$server.reopen_logs",
    "another server" => 'Penstock::Server.new(->(_env) {}, bind: "tcp://127.0.0.1:0").start'
  }.each do |name, call|
    it "has #{name} raise ForkError in the child, which tells what to do, and the client sees nothing of it" do
      child = forking_program("#{call}; 'nothing was raised'")
      chunked = { "transfer-encoding" => "chunked" }
      streaming = open_stream(child)
      uploading = open_stream(child, "/upload", method: "POST", headers: chunked)
      held = connect(child).write(request_bytes("POST", "/held", headers: chunked))
      eventually { get(child, "/opened").body == "/stream /upload /held" }
      expect(fork_report(child)).to match(["Penstock::ForkError", /forked.*(parent|server)/])
      expect([streaming, uploading, held].map(&:received)).to eq(["", "", ""])
      expect_clean(child)
    end
  end

  it "leaves no end of a bridge to a hijacked socket in the child" do
    child = forking_program('[sockets, [$open["/hijack"].fileno]]')
    client = connect(child).write("#{request_bytes("GET", "/hijack")}early")
    expect(client.read_bytes(4)).to eq("open")
    held, own = fork_report(child)
    expect(held).to eq(own)
    expect_clean(child)
  end

  it "leaves no connection in the child that the application has closed and whose client has not" do
    child = forking_program("sockets")
    client = open_hijacked(child)
    expect(get(child, "/close").body).to eq("closed")
    expect(client).to be_eof
    expect(fork_report(child)).to eq([])
    expect_clean(child)
  end

  it "lets the child close its copies of hijacked sockets, and the connections go on in the parent" do
    child = forking_program('[$open["/hijack"].close, $open["/hijack"].closed?, sockets.size]')
    hijacked = open_hijacked(child)
    expect(fork_report(child)).to eq([nil, true, 0])
    expect(hijacked.received).to eq("")
    expect(get(child, "/close").body).to eq("closed")
    expect(hijacked).to be_eof
    expect_clean(child)
  end

  it "lets the child end nothing of the server, hijacked sockets included, whatever it calls" do
    child = forking_program("[:stop, :stop!].each { |name| $server.public_send(name) rescue Penstock::ForkError }; 'done'")
    hijacked = open_hijacked(child)
    expect(fork_report(child)).to eq("done")
    expect(hijacked).not_to be_ended(0)
    expect(get(child, "/close").body).to eq("closed")
    expect(hijacked).to be_eof
    expect_clean(child)
  end

  # How a child may live and end, for all that it has inherited.
  {
    "ends at once" => "exit!(0)",
    "ends with exit, at_exit blocks included" => "at_exit { puts 'at_exit of the child' }; exit(0)",
    "collects its garbage, with the parent's streams in it" => "$open.clear; $server = nil; 3.times { GC.start }; 1",
    "compacts its heap" => "GC.compact if GC.respond_to?(:compact); 1",
    "allocates under GC.stress" => "$open.clear; GC.stress = true; 20.times { Object.new }; GC.stress = false; 1",
    "makes threads" => "Array.new(3) { |n| Thread.new { n } }.sum(&:value)",
    "uses sockets of its own" => "TCPServer.new('127.0.0.1', 0).then { |s| TCPSocket.new('127.0.0.1', s.addr[1]).close }; 1",
    "opens files, which take the numbers of what was closed" =>
      "Array.new(50) { File.open('/dev/null') }.each { |file| file.read; file.close }.size",
    "forks again" => "Process.wait2(fork { GC.start; exit!(0) }).last.exitstatus",
    "runs a command" => "`echo 1`",
    "kills its other threads and ends" => "Thread.list.each { |t| t.kill unless t == Thread.current }; 1"
  }.each do |description, source|
    it "goes well when the child #{description}" do
      child = forking_program(source)
      clients = [open_stream(child), open_hijacked(child)]
      expect(get(child, "/fork").body).not_to include("Error")
      expect_clean(child)
      expect(clients.map(&:received)).to eq(["", ""])
      expect(get(child, "/close").body).to eq("closed")
      expect(clients.first.read_chunk).to be_nil
      expect(clients.last).to be_eof
    end
  end

  it "may be followed by exec, which inherits no descriptor" do
    child = forking_program("exec('ls', '-l', '/proc/self/fd', out: writer)")
    open_stream(child)
    open_hijacked(child)
    expect(inherited(get(child, "/fork").body)).to be_empty
    expect_clean(child)
  end

  it "may be done many times, while requests are served" do
    child = forking_program("exit!(0)")
    streams = Array.new(5) { open_stream(child) }
    answers = Thread.new { Array.new(30) { get(child, "/alive").body } }
    10.times { get(child, "/fork") }
    expect(answers.value).to all(eq("alive"))
    expect(streams.map(&:received)).to all(eq(""))
    expect_clean(child)
  end

  it "without a block lets the child go on in the application, and the client gets one response, the parent's" do
    child = run_program(<<~RUBY)
      server = start(threads: 1) do |env|
        case env["PATH_INFO"]
        when "/fork" then [200, {}, [($pid = fork) ? "parent" : "child"]]
        when "/wait" then [200, {}, [Process.wait2($pid).last.inspect]]
        else [200, {}, ["alive"]]
        end
      end
      server.wait
    RUBY
    client = connect(child).write(request_bytes("GET", "/fork"))
    expect(client.read_response.body).to eq("parent")
    expect(get(child, "/wait").body).to include("exit 1")
    expect(get(child, "/alive").body).to eq("alive")
    eventually { child.output.include?("Penstock::ForkError") }
    expect(client.received).to eq("")
  end

  it "without a block leaves the body and rack.response_finished to the parent" do
    child = run_program(<<~RUBY)
      body = Class.new do
        def each = yield($pid ? "parent" : "child")
        def close = puts("closed in \#{$pid ? "the parent" : "the child"};")
      end
      server = start(threads: 1) do |env|
        case env["PATH_INFO"]
        when "/fork"
          env["rack.response_finished"] << ->(*) { puts("finished in \#{$pid ? "the parent" : "the child"};") }
          $pid = fork
          [200, {}, body.new]
        else [200, {}, [Process.wait2($pid).last.inspect]]
        end
      end
      server.wait
    RUBY
    expect(get(child, "/fork").body).to eq("parent")
    expect(get(child, "/wait").body).to include("exit 1")
    endings = -> { child.output.scan(/(?:closed|finished) in .*;/) }
    eventually { endings.call.size >= 2 }
    expect(endings.call).to eq(["closed in the parent;", "finished in the parent;"])
  end

  # How the application may go on in a child: description => Ruby, the child's exit status.
  {
    "ends with exit" => ["exit(7)", 7],
    "raises" => ["raise('an error of the child')", 1]
  }.each do |description, (source, status)|
    it "without a block lets the child end as the application wants, which #{description}" do
      child = run_program(<<~RUBY)
        server = start(threads: 1) do |env|
          next [200, {}, [Process.wait2($pid).last.exitstatus.to_s]] if env["PATH_INFO"] == "/wait"

          ($pid = fork) || #{source}
          [200, {}, ["parent"]]
        end
        server.wait
      RUBY
      expect(get(child, "/fork").body).to eq("parent")
      expect(get(child, "/wait").body).to eq(status.to_s)
      expect(child.output).not_to include("ForkError")
    end
  end

  it "lets the child look at its streams" do
    child = forking_program('$open["/stream"].inspect')
    open_stream(child)
    expect(fork_report(child)).to include("parent")
    expect_clean(child)
  end

  it "lets the port and the connections go with the parent, though the child lives" do
    child = forking_program("sockets.size")
    client = open_stream(child)
    expect(fork_report(child)).to eq(0)
    child.signal(:KILL)
    child.wait
    expect { connect(child) }.to raise_error(Errno::ECONNREFUSED)
    expect(client).to be_ended
  end

  # @return [Array<String>] what an `ls -l /proc/self/fd` shows of ours: sockets, what belongs to an event loop, files without a name
  def inherited(listing)
    expect(listing).to include("/proc")
    listing.lines.grep(/socket:|anon_inode|deleted/)
  end

  # Descriptors are close-on-exec: a program that the application starts has none of them.
  {
    "system" => 'system("ls -l /proc/self/fd", out: writer)',
    "spawn" => 'Process.wait(spawn("ls", "-l", "/proc/self/fd", out: writer))',
    "backquotes" => "writer.write(`ls -l /proc/self/fd`)",
    "IO.popen" => 'IO.popen(["ls", "-l", "/proc/self/fd"]) { |io| writer.write(io.read) }',
    "close_others: false" => 'system("ls", "-l", "/proc/self/fd", out: writer, close_others: false)'
  }.each do |name, call|
    it "is none where the application starts a program with #{name}, which inherits no descriptor" do
      child = run_program(<<~RUBY)
        $open = []
        server = start(threads: 3) do |env|
          case env["PATH_INFO"]
          when "/stream" then [200, {}, ->(stream) { stream.write("open"); $open << stream }]
          when "/hijack" then ($open << env["rack.hijack"].call).last.write("open") && nil
          else
            env["rack.input"].read(1)
            reader, writer = IO.pipe
            #{call}
            writer.close
            [200, {}, [reader.read]]
          end
        end
        server.wait
      RUBY
      open_stream(child)
      open_hijacked(child)
      listing = request(child, "POST", "/run", body: "a" * 200_000).body
      expect(inherited(listing)).to be_empty
    end
  end
end
