# frozen_string_literal: true

require "spec_helper"

RSpec.describe "Listeners" do
  include RawCases::Checks

  let(:path) { File.join(temporary_folder, "server.sock") }

  describe "on a Unix socket" do
    it "serve, with the client at 127.0.0.1 and no port" do
      app = Recorder.new
      server = serve(app, bind: "unix://#{path}")
      expect(server.urls).to eq(["unix://#{path}"])
      expect(get(server, "/").status).to eq(200)
      expect_env(app.calls.first, "REMOTE_ADDR" => "127.0.0.1", "REMOTE_PORT" => nil, "SERVER_NAME" => "example.org", "SERVER_PORT" => "80")
    end

    it "give HTTP/1.0 without Host a name and a port" do
      app = Recorder.new
      server = serve(app, bind: "unix://#{path}")
      expect(connect(server).write("GET / HTTP/1.0\r\n\r\n").read_response.status).to eq(200)
      expect(app.calls.first.env).to include("SERVER_NAME" => match(/./), "SERVER_PORT" => match(/\A\d+\z/))
    end

    { "umask=0177" => 0o600, "umask=0117" => 0o660, "umask=0" => 0o777, "mode=0640" => 0o640, "mode=0600&umask=0" => 0o600,
      "mode=0666&backlog=16" => 0o666 }.each do |query, mode|
      it "set its permissions: ?#{query}" do
        before = File.umask
        serve(Recorder.new, bind: "unix://#{path}?#{query}")
        expect(format("%o", File.stat(path).mode & 0o777)).to eq(format("%o", mode))
        expect(File.umask).to eq(before)
      end
    end

    it "replace the file of a server that is gone" do
      UNIXServer.new(path).close
      expect(File).to exist(path)
      server = serve(Recorder.new, bind: "unix://#{path}")
      expect_alive(server)
    end

    it "refuse the file of a server that lives, and leave it alone" do
      first = serve(Recorder.new, bind: "unix://#{path}")
      expect { serve(Recorder.new, bind: "unix://#{path}") }.to raise_error(StandardError, /#{Regexp.escape(path)}/)
      expect_alive(first)
    end

    it "refuse a file that is no socket, and leave it alone" do
      File.write(path, "precious")
      expect { serve(Recorder.new, bind: "unix://#{path}") }.to raise_error(StandardError, /#{Regexp.escape(path)}/)
      expect(File.read(path)).to eq("precious")
    end

    it "remove the file when the server has stopped" do
      server = serve(Recorder.new, bind: "unix://#{path}")
      server.stop
      expect(File).not_to exist(path)
    end
  end

  describe "on TCP" do
    it "refuse a port that is taken, by name" do
      taken = TCPServer.new("127.0.0.1", 0)
      port = taken.addr[1]
      expect { serve(Recorder.new, bind: "tcp://127.0.0.1:#{port}") }.to raise_error(StandardError, /127\.0\.0\.1:#{port}/)
    ensure
      taken&.close
    end

    it "take a port again as soon as the server before has stopped, though its connections linger" do
      first = serve(Recorder.new)
      client = connect(first).write(request_bytes("GET", "/"))
      expect(client.read_response.status).to eq(200)
      first.stop
      expect_alive(serve(Recorder.new, bind: "tcp://127.0.0.1:#{first.port}"))
    end

    it "serve IPv6" do
      app = Recorder.new
      server = serve(app, bind: "tcp://[::1]:0")
      expect(server.url).to match(%r{\Ahttp://\[::1\]:\d+\z})
      expect_success(server, "GET / HTTP/1.0\r\n\r\n", :closed)
      expect_env(app.calls.first, "REMOTE_ADDR" => "::1", "SERVER_NAME" => "[::1]", "SERVER_PORT" => server.port.to_s)
    end
  end

  it "may be several at once" do
    app = Recorder.new
    server = serve(app, bind: ["tcp://127.0.0.1:0", "unix://#{path}", "tcp://127.0.0.2:0", "tcp://[::1]:0"])
    expect(server.urls.size).to eq(4)
    expect(server.urls.uniq.size).to eq(4)
    server.urls.each_with_index { |url, index| expect(get(url, "/#{index}").status).to eq(200) }
    expect(app.paths).to eq(%w[/0 /1 /2 /3])
  end

  describe "on inherited descriptors" do
    config = "run ->(env) { [200, { \"content-type\" => \"text/plain\" }, [env[\"SERVER_PORT\"]]] }\n"

    # The listener that a child inherits. It stays open here, so that the port is ours whatever the child does.
    def listener
      @listener ||= TCPServer.new("127.0.0.1", 0)
    end

    after { @listener&.close }

    it "serve the one that fd:// names" do
      url = "http://127.0.0.1:#{listener.addr[1]}"
      spawn_server(config, args: ["-e", "production", "-b", "fd://7"], **{ 7 => listener })
      expect(connect(url).write("GET / HTTP/1.0\r\n\r\n").read_response.body).to eq(listener.addr[1].to_s)
    end

    it "serve those that LISTEN_FDS hands over" do
      url = "http://127.0.0.1:#{listener.addr[1]}"
      spawn_server(config, args: ["-e", "production"], env: { "LISTEN_FDS" => "1" },
                           prefix: ["sh", "-c", "LISTEN_PID=$$ exec \"$@\"", "sh"], **{ 3 => listener })
      expect(get(url, "/").status).to eq(200)
    end

    # A server of one descriptor, in this process.
    def start_on(number)
      Penstock::Server.new(->(_env) {}, bind: "fd://#{number}", environment: "test").start
    end

    it "tell once, and rest, when nothing can be accepted any more, and the server can still stop" do
      server = serve(bind: "fd://#{listener.fileno}") { [200, {}, ["alive"]] }
      expect(get(server, "/").body).to eq("alive")
      listener.shutdown(:RD)
      eventually { server.log.match?(/no connection can be accepted at http:.*restart the server/) }
      before = processor_time
      began = now
      # So many times it is tried again meanwhile, and nothing shows of that but the time that passes.
      eventually { now - began > 0.5 }
      expect(processor_time - before).to be < 0.2
      expect(server.log.scan("no connection can be accepted").size).to eq(1)
      server.stop(timeout: 1)
    end

    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

    def processor_time = Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID)

    it "refuse a descriptor that is not open" do
      expect { start_on(1_000_000) }.to raise_error(Penstock::ConfigurationError, /1000000.*Bad file descriptor.*inherited/)
    end

    it "tell when no more descriptors can be opened" do
      number = listener.fileno
      expect { without_descriptors { start_on(number) } }.to raise_error(Penstock::ConfigurationError, /Too many open files.*ulimit/)
    end

    it "refuse a descriptor that is no socket" do
      server = spawn_server(config, args: ["-e", "production", "-b", "fd://7"], ready: nil, **{ 7 => File::NULL })
      expect(server.wait(ChildServer::BOOT_TIMEOUT).exitstatus).to eq(1)
      expect(server.output).to include("fd://7")
      expect(server.output).not_to match(/\.rb:\d+/)
    end
  end
end
