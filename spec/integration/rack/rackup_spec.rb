# frozen_string_literal: true

require "rack"

# Run with every Rack that is supported: Rack 2 brings its own rackup.
RSpec.describe "The command rackup" do
  gem = Rack.release.start_with?("2.") ? "rack" : "rackup"

  hello = <<~RUBY
    run ->(env) { [200, { "content-type" => "text/plain" }, [env["PATH_INFO"]]] }
  RUBY

  let(:folder) { temporary_folder }

  before { File.write(File.join(folder, "config.ru"), hello) }

  # Starts rackup in the folder.
  # @return [ChildServer]
  define_method(:rackup) do |*args, env: {}|
    child = ChildServer.new([RbConfig.ruby, "-I#{ServerHelper::ROOT}/lib", Gem.bin_path(gem, "rackup"), *args], env: env, chdir: folder)
    servers << child
    child
  end

  def configure(source)
    FileUtils.mkdir_p(File.join(folder, "config"))
    File.write(File.join(folder, "config/penstock.rb"), source)
  end

  # Where the server listens, by its start lines.
  def places(server) = server.output.scan(/^Listening on (\S+)/).flatten

  it "serves by -s, under Rack::Lint in development, and drains on Ctrl-C" do
    server = rackup("-s", "penstock", "-p", "0").wait_until_ready
    expect(get(server, "/path")).to have_attributes(status: 200, body: "/path")
    expect(server.output).to match(/^Penstock \S+, Ruby \S+.*, 5 threads, development$/)
    server.signal(:INT)
    expect(server.wait.exitstatus).to eq 0
    expect(server.output).to end_with("Stopped\n")
    expect(server.output).not_to include("Lint")
  end

  variable = Rack.release.start_with?("2.") ? "RACK_HANDLER" : "RACKUP_HANDLER"
  it "serves by #{variable}" do
    server = rackup("-p", "0", env: { variable => "penstock" }).wait_until_ready
    expect(server.output).to include("Penstock ")
    expect(get(server, "/").status).to eq 200
  end

  it "takes settings by -O" do
    server = rackup("-s", "penstock", "-p", "0", "-O", "threads=2", "-O", "drain_timeout=7").wait_until_ready
    expect(server.output).to include(", 2 threads,")
    server.signal(:TERM)
    expect(server.wait.exitstatus).to eq 0
    expect(server.output).to include("7 s for what is under way")
  end

  it "lists the settings" do
    child = rackup("-s", "penstock", "-h")
    expect(child.wait.exitstatus).to eq 0
    expect(child.output).to match(/-O threads=VALUE +Threads that call the application/)
  end

  it "takes a configuration file before what rackup takes by itself" do
    configure("bind 'tcp://127.0.0.1:0'\nthreads 3")
    server = rackup("-s", "penstock").wait_until_ready
    expect(server.output).to include(", 3 threads,")
    expect(server.port).not_to eq 9292
  end

  it "takes a port and a host before a configuration file" do
    configure("bind 'unix://#{folder}/server.sock'")
    expect(places(rackup("-s", "penstock", "-p", "0").wait_until_ready)).to contain_exactly(%r{\Ahttp://127\.0\.0\.1:})
    expect(places(rackup("-s", "penstock", "-o", "0.0.0.0", "-p", "0").wait_until_ready)).to contain_exactly(%r{\Ahttp://0\.0\.0\.0:})
  end

  it "serves from the background, where nothing that was started before would be alive" do
    socket = File.join(folder, "server.sock")
    pidfile = File.join(folder, "rack.pid")
    child = rackup("-s", "penstock", "-D", "-P", pidfile, "-o", socket)
    expect(child.wait(ChildServer::BOOT_TIMEOUT).exitstatus).to eq 0
    eventually(ChildServer::BOOT_TIMEOUT) { get("unix://#{socket}", "/path").status == 200 }
    Process.kill(:TERM, Integer(File.read(pidfile)))
    eventually { !File.exist?(socket) && !File.exist?(pidfile) }
  end

  [
    ["a bad option", ["-O", "threads=many", "-p", "0"], 'threads: expected a number of threads above 0, or MIN:MAX, not "many"'],
    ["a bad place", ["-o", "tcp://127.0.0.1"], "bind tcp://127.0.0.1: write it as tcp://HOST:PORT"]
  ].each do |name, args, line|
    it "says on one line what is wrong with #{name}, and ends with status 1" do
      child = rackup("-s", "penstock", *args)
      expect(child.wait(ChildServer::BOOT_TIMEOUT).exitstatus).to eq 1
      expect(child.output.lines.grep(/penstock: /)).to contain_exactly(a_string_including(line))
      expect(child.output).not_to match(/\.rb:\d+:in /)
    end
  end

  it "says on one line that a port is taken, and ends with status 1" do
    taken = TCPServer.new("127.0.0.1", 0)
    child = rackup("-s", "penstock", "-o", "127.0.0.1", "-p", taken.addr[1].to_s)
    expect(child.wait(ChildServer::BOOT_TIMEOUT).exitstatus).to eq 1
    expect(child.output.lines.grep(/penstock: /)).to contain_exactly(a_string_including(taken.addr[1].to_s))
    expect(child.output).not_to match(/\.rb:\d+:in /)
  ensure
    taken&.close
  end

  it "names an option that has no effect" do
    server = rackup("-s", "penstock", "-p", "0", "-O", "thread=3").wait_until_ready
    expect(server.output).to include("penstock: the option thread is unknown and has no effect")
  end
end
