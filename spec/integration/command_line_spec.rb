# frozen_string_literal: true

RSpec.describe "The command penstock" do
  hello = <<~RUBY
    run ->(env) { [200, { "content-type" => "text/plain" }, [env["PATH_INFO"]]] }
  RUBY

  # A folder with these files in it.
  def folder_with(files)
    temporary_folder.tap do |folder|
      files.each do |name, source|
        FileUtils.mkdir_p(File.join(folder, File.dirname(name)))
        File.write(File.join(folder, name), source)
      end
    end
  end

  # Runs the command to its end in a folder with these files.
  # @return [ChildServer]
  def run_command(*args, files: {}, env: {})
    command = [RbConfig.ruby, "-I#{ServerHelper::ROOT}/lib", "#{ServerHelper::ROOT}/exe/penstock", *args]
    child = ChildServer.new(command, env: env, chdir: folder_with(files))
    servers << child
    child.tap { child.wait(ChildServer::BOOT_TIMEOUT) }
  end

  def status(child) = child.wait.exitstatus

  describe "that serves" do
    it "says what it is and where it listens" do
      server = spawn_server(hello, args: ["-t", "3", "-e", "production"])
      expect(server.output.lines(chomp: true).first(2)).to match [
        a_string_matching(/\APenstock \d+\.\d+\.\d+, Ruby /).and(include(RUBY_VERSION)).and(end_with(", 3 threads, production")),
        "Listening on #{server.url}"
      ]
      expect(get(server, "/path").body).to eq "/path"
    end

    it "takes config.ru of the folder, and the configuration files in config/" do
      folder = folder_with(
        "config.ru" => hello, "config/penstock.rb" => "bind 'tcp://127.0.0.1:0'\nthreads 2\n",
        "config/penstock/staging.rb" => "threads 4\n"
      )
      command = [RbConfig.ruby, "-I#{ServerHelper::ROOT}/lib", "#{ServerHelper::ROOT}/exe/penstock", "-e", "staging"]
      servers << (server = ChildServer.new(command, chdir: folder).wait_until_ready)
      expect(server.output).to match(/, 4 threads, staging$/)
      expect(get(server, "/path").body).to eq "/path"
    end

    it "listens at several places" do
      path = File.join(temporary_folder, "server.sock")
      server = spawn_server(hello, args: ["-b", "tcp://127.0.0.1:0", "-b", "unix://#{path}?mode=600"])
      eventually { server.output.include?("Listening on unix://#{path}") }
      expect([get(server, "/tcp").body, get("unix://#{path}", "/unix").body]).to eq %w[/tcp /unix]
    end

    it "listens on loopback alone in development" do
      server = spawn_server(hello, args: ["-p", "0"])
      expect(server.host).to eq "127.0.0.1"
      expect(server.output.scan("Listening on").size).to eq 1
    end

    # A port that nobody has at any address, and that is ours: a socket that is bound and does not listen keeps it from
    # others, and not from a server. It may be had again only from here on, else others could have had it already.
    def reserve
      family, everywhere = Socket.ip_address_list.any?(&:ipv6?) ? %w[INET6 ::] : %w[INET 0.0.0.0]
      socket = Socket.new(family, :STREAM)
      socket.bind(Addrinfo.tcp(everywhere, 0))
      socket.setsockopt(:SOCKET, :REUSEADDR, true)
      yield socket.local_address.ip_port
    ensure
      socket.close
    end

    {
      "loopback of both families in development" => ["development", %w[127.0.0.1 [::1]]],
      "all addresses of both families elsewhere" => ["production", %w[0.0.0.0 [::]]]
    }.each do |name, (environment, hosts)|
      it "listens on #{name}" do
        reserve do |port|
          server = spawn_server(hello, args: ["-p", port.to_s, "-e", environment])
          hosts = hosts.first(1) unless Socket.ip_address_list.any?(&:ipv6_loopback?)
          eventually { expect(server.output.scan(/^Listening on (\S+)/).flatten).to eq(hosts.map { |host| "http://#{host}:#{port}" }) }
          places = %w[127.0.0.1 [::1]].first(hosts.size).map { |host| "http://#{host}:#{port}" }
          expect(places.map { |url| get(url, "/path").body }).to all eq "/path"
        end
      end
    end

    it "tells the application its environment" do
      server = spawn_server("run ->(env) { [200, {}, [ENV.values_at('RACK_ENV', 'RAILS_ENV').inspect]] }", args: ["-e", "staging"])
      expect(get(server, "/").body).to eq '["staging", nil]'
    end

    it "writes a line for each request with --access-log" do
      server = spawn_server(hello, args: ["--access-log"])
      get(server, "/some/path")
      expect(eventually { server.output.include?("/some/path") }).to be true
    end

    it "keeps a pid file, and refuses to start beside a process that it names" do
      path = File.join(temporary_folder, "server.pid")
      server = spawn_server(hello, args: ["--pidfile", path])
      expect(File.read(path)).to eq "#{server.pid}\n"
      other = run_command("--pidfile", path, "-p", "0", files: { "config.ru" => hello })
      expect(status(other)).to eq 1
      expect(other.output)
        .to eq "penstock: pidfile: #{path} names the process #{server.pid}, which lives; stop it, or name another file\n"
      server.signal(:TERM)
      server.wait
      expect(File).not_to exist(path)
    end

    it "says nothing about start and stop with --quiet" do
      path = File.join(temporary_folder, "server.sock")
      server = spawn_server(hello, args: ["-q", "-b", "unix://#{path}"], ready: nil)
      eventually(ChildServer::BOOT_TIMEOUT) { get("unix://#{path}", "/path").body == "/path" }
      server.signal(:TERM)
      expect(server.wait.exitstatus).to eq 0
      expect(server.output).to eq ""
    end
  end

  describe "that cannot start" do
    # Name, arguments, files, variables, and the line (without "penstock: ").
    [
      ["an unknown option", ["--prot", "80"], {}, {}, "invalid option: --prot"],
      ["a bad value", ["-t", "many"], {}, {}, 'threads: expected a number of threads above 0, or MIN:MAX, not "many" (given by --threads)'],
      ["a bad bind", ["-b", "127.0.0.1:80"], {}, {}, "bind 127.0.0.1:80: write it as tcp://HOST:PORT, ssl://HOST:PORT?cert="],
      ["TLS for a place that has none", ["--tls-dev", "-b", "tcp://127.0.0.1:0"], {}, {},
       "tls_dev: it has no effect on tcp://127.0.0.1:0; bind ssl://HOST:PORT, with no cert, or leave it out (given by --tls-dev)"],
      ["more than one process", ["-w", "2"], {}, {}, "workers: 2 needs a cluster, which this version does not have"],
      ["more than one process, by a variable", [], {}, { "WEB_CONCURRENCY" => "4" }, "(given by WEB_CONCURRENCY)"],
      ["no config.ru", ["-p", "0"], {}, {}, "there is no config.ru in /"],
      ["no config.ru of that name", ["-p", "0", "app.ru"], {}, {}, "there is no app.ru in /"],
      ["no configuration file of that name", ["-C", "no.rb"], {}, {}, "cannot read the configuration file no.rb"],
      ["a configuration that raises", [], { "config/penstock.rb" => "threads 2\nraise 'no luck'" }, {},
       "config/penstock.rb:2: no luck (RuntimeError)"],
      ["a configuration with a typing error", [], { "config/penstock.rb" => "\ntreads 2" }, {},
       "config/penstock.rb:2: unknown setting treads: did you mean threads?"],
      ["a configuration with bad syntax", [], { "config/penstock.rb" => "threads (" }, {}, "config/penstock.rb:1: syntax error"],
      ["an application that raises", ["-p", "0"], { "config.ru" => "\nraise 'no luck'" }, {}, "config.ru raised RuntimeError: no luck ("],
      ["an application with bad syntax", ["-p", "0"], { "config.ru" => "run (" }, {}, "config.ru raised SyntaxError: "],
      ["an application that needs what is not there", ["-p", "0"], { "config.ru" => "require 'no/such/file'" }, {},
       "config.ru raised LoadError: cannot load such file -- no/such/file"],
      ["a config.ru that runs nothing", ["-p", "0"], { "config.ru" => "use Rack::Head" }, {}, "config.ru raised RuntimeError: missing run"]
    ].each do |name, args, files, env, line|
      it "says so on one line and ends with status 1: #{name}" do
        child = run_command(*args, files: files, env: env)
        expect([status(child), child.output.lines.size]).to eq([1, 1]), child.output
        expect(child.output).to start_with("penstock: ").and include(line)
      end
    end

    it "says so on one line and ends with status 1: a port that is taken" do
      taken = TCPServer.new("127.0.0.1", 0)
      url = "tcp://127.0.0.1:#{taken.addr[1]}"
      child = run_command("-b", url, files: { "config.ru" => hello })
      expect([status(child), child.output.lines.size]).to eq([1, 1]), child.output
      expect(child.output).to start_with("penstock: ").and include(taken.addr[1].to_s, "use")
    ensure
      taken&.close
    end

    it "shows the backtrace of the application's error with --debug" do
      child = run_command("-p", "0", "--debug", files: { "config.ru" => "\nraise 'no luck'" })
      expect(status(child)).to eq 1
      expect(child.output.lines.first).to start_with("penstock: config.ru raised RuntimeError: no luck")
      expect(child.output).to include("config.ru:2:in ")
    end
  end

  describe "that is asked" do
    it "prints what each setting is and where it came from, and serves nothing" do
      child = run_command("--check", "-t", "3", files: { "config/penstock.rb" => "port 0\nheader_timeout 7" },
                                                env: { "RACK_ENV" => "staging" })
      expect(status(child)).to eq 0
      expect(child.output.lines(chomp: true).map { |line| line.split(/ {2,}/) }).to include(
        %w[threads 3 --threads], %w[port 0 config/penstock.rb:1], ["header_timeout", "7 seconds", "config/penstock.rb:2"],
        ["environment", '"staging"', "RACK_ENV"], ["drain_timeout", "30 seconds", "default"]
      )
      expect(child.output).not_to include("Listening")
    end

    it "prints its version" do
      expect(run_command("--version").output).to match(/\APenstock \d+\.\d+\.\d+\n\z/)
    end

    it "prints its options" do
      expect(run_command("--help").output).to start_with("Usage: penstock [options] [config.ru]\n").and include("--bind URL")
    end
  end
end
