# frozen_string_literal: true

# Frameworks that start a server themselves. rackup has specs of its own (spec/integration/rack/rackup_spec.rb).
RSpec.describe "A framework's own way to start a server" do
  let(:folder) { temporary_folder }

  # Runs a Ruby script in the folder.
  # @return [ChildServer]
  def run_script(source, *args, env: {})
    File.write(File.join(folder, "script.rb"), source)
    child = ChildServer.new([RbConfig.ruby, "-I#{ServerHelper::ROOT}/lib", "script.rb", *args], env: env, chdir: folder)
    servers << child
    child
  end

  describe "rails server -u penstock" do
    # What `bin/rails` does in an application of one file.
    rails = <<~RUBY
      APP_PATH = File.expand_path("config/application", __dir__)
      require "rails/commands"
    RUBY

    before do
      FileUtils.mkdir_p(File.join(folder, "config"))
      File.write(File.join(folder, "config/application.rb"), <<~RUBY)
        require "rails"
        require "action_controller/railtie"
        class Demo < Rails::Application
          config.root = File.expand_path("..", __dir__)
          config.eager_load = false
          config.secret_key_base = "0" * 64
          config.hosts.clear
          config.load_defaults Rails::VERSION::STRING.to_f
          routes.append { root to: ->(env) { [200, { "content-type" => "text/plain" }, ["rails on penstock"]] } }
        end
      RUBY
      File.write(File.join(folder, "config.ru"), <<~RUBY)
        require_relative "config/application"
        Rails.application.initialize! unless Rails.application.initialized?
        run Rails.application
      RUBY
    end

    it "serves, says so, and drains on Ctrl-C" do
      server = run_script(rails, "server", "-u", "penstock", "-p", "0").wait_until_ready(/^Listening on http/)
      url = server.output[/^Listening on (\S+)/, 1]
      expect(get(url, "/")).to have_attributes(status: 200, body: "rails on penstock")
      expect(server.output).to include("=> Booting Penstock").and match(/^Penstock .*, development$/)
      server.signal(:INT)
      expect(server.wait.exitstatus).to eq 0
      expect(server.output).to include("Stopped\n").and end_with("Exiting\n")
      expect(File).not_to exist(File.join(folder, "tmp/pids/server.pid"))
    end

    it "takes the configuration file before Rails' own port, and a port that is given before the file" do
      File.write(File.join(folder, "config/penstock.rb"), "threads 2\nbind 'unix://#{folder}/server.sock'")
      server = run_script(rails, "server", "-u", "penstock").wait_until_ready(/^Listening on/)
      expect(server.output).to include("Listening on unix://#{folder}/server.sock").and include(", 2 threads,")
      server.signal(:INT)
      server.wait
      server = run_script(rails, "server", "-u", "penstock", "-p", "0", "-b", "0.0.0.0").wait_until_ready(/^Listening on/)
      expect(server.output).to match(%r{^Listening on http://0\.0\.0\.0:\d+$}).and include(", 2 threads,")
    end

    it "runs in the environment that it is told" do
      server = run_script(rails, "server", "-u", "penstock", "-p", "0", "-e", "production").wait_until_ready(/^Listening on/)
      expect(server.output).to match(/^Penstock .*, production$/)
    end
  end

  describe "Sinatra" do
    sinatra = <<~RUBY
      $stdout.sync = true
      require "sinatra/base"
      class Demo < Sinatra::Base
        set :server, :penstock
        set :bind, "127.0.0.1"
        set :port, 0
        get("/") { "sinatra on penstock" }
      end
      Demo.run! { puts "yielded a server that \#{Demo.running_server.respond_to?(:stop) ? "can" : "cannot"} be stopped" }
      puts "after run!"
    RUBY

    %w[INT TERM].each do |name|
      it "serves by set :server, and drains on SIG#{name} once" do
        server = run_script(sinatra).wait_until_ready(/^yielded/)
        url = server.output[/^Listening on (\S+)/, 1]
        expect(get(url, "/", "host" => "localhost")).to have_attributes(status: 200, body: "sinatra on penstock")
        server.signal(name)
        expect(server.wait.exitstatus).to eq 0
        expect(server.output).to include("has taken the stage on 0 for development with backup from Penstock")
          .and include("yielded a server that can be stopped").and include("crowd applauds").and end_with("after run!\n")
        expect(server.output.scan("Stopping (").size).to eq 1
      end
    end
  end

  describe "a handler inside another program" do
    inside = <<~RUBY
      require "rackup"
      $stdout.sync = true
      trap("TERM") do
        puts "the program's own trap"
        exit 7
      end
      stoppable = Thread::Queue.new
      app = lambda do |env|
        Thread.new { stoppable.pop.stop } if env["PATH_INFO"] == "/stop"
        [200, {}, [env["PATH_INFO"]]]
      end
      handler = Rackup::Handler.get("penstock")
      Thread.new { handler.run(app, Host: "127.0.0.1", Port: 0) { |launcher| stoppable << launcher } }.join
      puts "the handler has returned"
    RUBY

    it "can be stopped from another thread" do
      server = run_script(inside).wait_until_ready
      expect(get(server, "/stop").body).to eq "/stop"
      expect(server.wait.exitstatus).to eq 0
      expect(server.output).to end_with("the handler has returned\n")
    end

    it "leaves the signals of the program alone" do
      server = run_script(inside).wait_until_ready
      server.signal(:TERM)
      expect(server.wait.exitstatus).to eq 7
      expect(server.output).to end_with("the program's own trap\n")
    end

    it "starts no thread before it runs" do
      child = run_script('require "rackup"; Rackup::Handler.get("penstock"); require "penstock"; exit Thread.list.size')
      expect(child.wait(ChildServer::BOOT_TIMEOUT).exitstatus).to eq 1
    end

    it "is registered by the library itself" do
      child = run_script('require "rackup"; require "penstock"; exit Rackup::Handler[:penstock].name == "Rackup::Handler::Penstock"')
      expect(child.wait(ChildServer::BOOT_TIMEOUT).exitstatus).to eq 0
    end
  end
end
