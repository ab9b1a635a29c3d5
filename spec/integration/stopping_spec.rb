# frozen_string_literal: true

require "support/cable/examples"

RSpec.describe "Stopping the process" do
  # An application for each way to be busy.
  busy = <<~RUBY
    streams = []
    run(lambda do |env|
      headers = { "content-type" => "text/plain" }
      case env["PATH_INFO"]
      when "/held"
        Thread::Queue.new.pop
      when "/endless"
        [200, headers, lambda do |stream|
          loop { stream.write("tick\\n") }
        end]
      when "/open"
        [200, headers, lambda do |stream|
          streams << stream
          stream.write("open\\n")
        end]
      when "/hijack"
        streams << (io = env["rack.hijack"].call)
        io.write("HTTP/1.1 200 OK\\r\\n\\r\\nopen\\n")
        [200, headers, []]
      else
        [200, headers, [env["PATH_INFO"]]]
      end
    end)
  RUBY

  # A drain long enough that nothing waits for its end by chance.
  long = 50

  # Starts the application with a configuration.
  def start(source, configuration = "", args: [])
    file = File.join(temporary_folder, "penstock.rb")
    File.write(file, configuration)
    spawn_server(source, args: ["-C", file, *args])
  end

  # Sends the request and returns its connection.
  def begin_request(server, path) = connect(server).write(request_bytes("GET", path))

  # Waits until the process has begun to drain.
  def draining(server)
    eventually { server.output.include?("Stopping (") }
  end

  # Seconds that the block took.
  def elapsed
    start = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    yield
    Process.clock_gettime(Process::CLOCK_MONOTONIC) - start
  end

  %w[INT TERM].each do |name|
    describe "with SIG#{name}" do
      it "ends with status 0, and says so" do
        server = start(busy)
        server.signal(name)
        expect(server.wait.exitstatus).to eq 0
        expect(server.output.lines(chomp: true).last(2)).to match [/\AStopping \(SIG#{name}\)/, "Stopped"]
      end
    end
  end

  it "lets a request in flight end, closes idle connections, and ends with the last one" do
    server = start(<<~RUBY, "drain_timeout #{long}")
      run(lambda do |env|
        File.read(env["HTTP_X_GATE"]) if env["HTTP_X_GATE"]
        [200, { "content-type" => "text/plain" }, ["done"]]
      end)
    RUBY
    gate = File.join(temporary_folder, "gate")
    File.mkfifo(gate)
    busy_client = connect(server).write(request_bytes("GET", "/", headers: { "x-gate" => gate }))
    idle = connect(server).write(request_bytes("GET", "/"))
    expect(idle.read_response.body).to eq "done"
    server.signal(:TERM)
    expect(idle).to be_eof
    expect(server).not_to be_ended
    File.write(gate, "") # Opened only when the application reads it.
    expect(busy_client.read_response).to have_attributes(status: 200, body: "done", headers: include("connection" => ["close"]))
    expect(elapsed { expect(server.wait.exitstatus).to eq 0 }).to be < 10
  end

  it "ends at once with a second signal, whatever is under way" do
    server = start(busy, "drain_timeout #{long}")
    clients = %w[/held /open /endless /hijack].map { |path| begin_request(server, path) }
    clients.drop(1).each { |client| client.read_until("\r\n\r\n") }
    server.signal(:TERM)
    draining(server)
    expect(server).not_to be_ended
    server.signal(:TERM)
    expect(elapsed { expect(server.wait.exitstatus).to eq 1 }).to be < 5
    clients.each(&:read_to_eof)
  end

  ["/endless", "/open", "/hijack", "/held"].each do |path|
    it "ends #{path} at the deadline, and then itself" do
      server = start(busy, "drain_timeout 0.5")
      client = begin_request(server, path)
      client.read_until("\r\n\r\n") unless path == "/held"
      eventually { get(server, "/").status == 200 }
      server.signal(:INT)
      expect(server.wait.exitstatus).to eq 0
      client.read_to_eof
    end
  end

  it "drains for 2 seconds in development" do
    server = start(busy)
    begin_request(server, "/open").read_until("open")
    server.signal(:INT)
    expect(elapsed { server.wait }).to be_between(1.5, 8)
    expect(server.output).to include("Stopping (SIGINT): 2 s for what is under way")
  end

  it "reopens its logs with SIGHUP" do
    log = File.join(temporary_folder, "access.log")
    server = start(busy, "access_log '#{log}'")
    get(server, "/before")
    eventually { File.read(log).include?("/before") }
    File.rename(log, "#{log}.1")
    server.signal(:HUP)
    eventually { File.exist?(log) }
    get(server, "/after")
    eventually { File.read(log).include?("/after") }
    expect(File.read("#{log}.1")).not_to include("/after")
  end

  %w[USR1 USR2].each do |name|
    it "does not happen with SIG#{name}" do
      server = start(busy)
      server.signal(name)
      eventually { server.output.include?("SIG#{name} is kept for restarts, which this version does not have\n") }
      expect(get(server, "/alive").body).to eq "/alive"
    end
  end

  it "works with Ctrl-C while the application is being loaded" do
    server = spawn_server("$stdout.puts 'loading'\n$stdout.flush\nIO.pipe.first.read", ready: /loading/)
    server.signal(:INT)
    expect(server.wait.exitstatus).to eq 130
    expect(server.output).to eq "loading\n"
  end

  describe "drain hooks" do
    it "run first, all of them, before the streams that they can still reach are ended" do
      server = start(<<~RUBY, "drain_timeout #{long}\non_drain { puts 'first'; $stdout.flush }\non_drain { raise 'no luck' }")
        require "penstock"
        streams = Thread::Queue.new
        Penstock.on_drain do
          stream = streams.pop
          stream.write("bye\\n")
          stream.close
        end
        run ->(env) { [200, {}, ->(stream) { stream.write("hello\\n") and streams << stream }] }
      RUBY
      client = begin_request(server, "/")
      client.read_until("hello")
      server.signal(:TERM)
      client.read_until("bye")
      expect(elapsed { expect(server.wait.exitstatus).to eq 0 }).to be < 10
      expect(server.output).to match(/^first$/).and match(/on_drain: the hook of \S+penstock\.rb:3 raised RuntimeError: no luck/)
    end

    it "that do not end do not keep the process" do
      server = start("run ->(_env) { [200, {}, []] }", "drain_timeout 0.5\non_drain { Thread::Queue.new.pop }")
      server.signal(:TERM)
      expect(server.wait.exitstatus).to eq 0
      expect(server.output).to match(/on_drain: the hook of \S+penstock\.rb:2 takes too long/)
    end
  end

  # Applications that know nothing of a server, and have no line about its end.
  describe "with what a library keeps open" do
    include_context "with ActionCable"

    # MessageBus without Rails; a gate keeps a poll on its way.
    bus = <<~RUBY
      require "logger"
      require "message_bus"
      MessageBus.configure(backend: :memory, logger: Logger.new(IO::NULL), long_polling_interval: 300_000)
      use(Class.new do
        def initialize(app) = @app = app

        def call(env)
          File.read(env["HTTP_X_GATE"]) if env["HTTP_X_GATE"]
          @app.call(env)
        end
      end)
      use MessageBus::Rack::Middleware
      run ->(_env) { [200, {}, ["ordinary"]] }
    RUBY

    # Begins a poll that is not chunked.
    def poll(server, headers = {})
      fields = { "content-type" => "application/x-www-form-urlencoded", "dont-chunk" => "true" }.merge(headers)
      client = connect(server)
      client.write(request_bytes("POST", "/message-bus/#{client.object_id}/poll", headers: fields, body: "%2Fa=0&__seq=1"))
    end

    it "answers the polls of MessageBus, and ends with the last one" do
      server = start(bus, "drain_timeout #{long}")
      clients = Array.new(5) { poll(server) }
      eventually { expect(get(server, "/").status).to eq 200 and clients.all? { |client| client.received == "" } }
      server.signal(:TERM)
      expect(clients.map { |client| client.read_response.body }).to all eq "[]"
      expect(elapsed { expect(server.wait.exitstatus).to eq 0 }).to be < 10
    end

    it "answers a poll of MessageBus that was on its way" do
      server = start(bus, "drain_timeout #{long}")
      gate = File.join(temporary_folder, "gate")
      File.mkfifo(gate)
      client = poll(server, "x-gate" => gate)
      File.open(gate, "w") do # Opened only when the application reads it.
        server.signal(:TERM)
        draining(server)
      end
      expect(client.read_response.body).to eq "[]"
      expect(elapsed { expect(server.wait.exitstatus).to eq 0 }).to be < 10
    end

    it "runs `unsubscribed` in the channels of ActionCable" do
      application = boot
      clients = Array.new(5) { visit(application).join(room) }
      application.server.signal(:TERM)
      eventually { clients.all? { |client| client.socket.ended? } }
      expect(application.server.wait.exitstatus).to eq 0
      expect(application.server.output.scan("RoomChannel stopped streaming from #{room}").size).to eq 5
    end
  end
end
