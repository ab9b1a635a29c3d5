# frozen_string_literal: true

require "spec_helper"

RSpec.describe "Many connections" do
  include RawCases::Checks

  it "serves more keep-alive connections than it has threads" do
    server = serve(Recorder.new, threads: 2)
    clients = Array.new(50) { connect(server) }
    3.times do
      clients.each { |client| client.write(request_bytes("GET", "/")) }
      expect(clients.map { |client| client.read_response.status }).to all(eq(200))
    end
  end

  it "serves new connections beside a thousand idle ones, and gives all of them back" do
    server = serve(Recorder.new)
    expect_alive(server)
    eventually { server.server.stats.fetch(:connections).zero? }
    baseline = resource_counts
    idle = Array.new(1000) { connect(server).write(request_bytes("GET", "/")) }
    expect(idle.map { |client| client.read_response.status }).to all(eq(200))
    50.times { expect_alive(server) }
    expect(idle.sample(20).map { |client| client.write(request_bytes("GET", "/")).read_response.status }).to all(eq(200))
    idle.each(&:close)
    counts_return_to(baseline)
  end

  it "closes a connection after max_requests_per_connection requests" do
    server = serve(Recorder.new, max_requests_per_connection: 2)
    client = connect(server).write(request_bytes("GET", "/") * 3)
    expect(client.read_response).not_to be_closing
    expect(client.read_response).to be_closing
    expect(client).to be_ended
    expect_alive(server)
  end

  describe "max_connections" do
    it "pauses accepting at the limit, logs it once, and goes on when a connection has ended" do
      server = serve(Recorder.new, max_connections: 3)
      taken = Array.new(3) { connect(server).write(request_bytes("GET", "/")) }
      expect(taken.map { |client| client.read_response.status }).to all(eq(200))

      waiting = Array.new(5) { connect(server).write(request_bytes("GET", "/")) }
      eventually { server.log.include?("max_connections") }
      expect(taken.first.write(request_bytes("GET", "/")).read_response.status).to eq(200)
      expect(waiting.map(&:received)).to all(eq(""))

      taken.each(&:close)
      waiting.each do |client|
        expect(client.read_response.status).to eq(200)
        client.close
      end
      expect_alive(server)
      expect(server.log.lines.grep(/max_connections/).size).to be <= 2 # the second: the limit was reached again
    end
  end

  describe "descriptors that run out" do
    # An application that takes all descriptors of its process and gives them back.
    hungry = <<~RUBY
      held = []
      run(lambda do |env|
        case env["PATH_INFO"]
        when "/take"
          begin
            loop { held << File.open(File::NULL) }
          rescue Errno::EMFILE
            nil
          end
        when "/give"
          held.each(&:close).clear
        end
        [200, { "content-type" => "text/plain" }, ["ok"]]
      end)
    RUBY

    it "pauses accepting, logs it once, and recovers" do
      server = spawn_server(hungry, args: ["-e", "production"], rlimit_nofile: 256)
      first = connect(server).write(request_bytes("GET", "/"))
      expect(first.read_response.status).to eq(200)
      expect(first.write(request_bytes("GET", "/take")).read_response.status).to eq(200)

      waiting = Array.new(5) { connect(server).write(request_bytes("GET", "/")) }
      eventually { server.output.include?("can be accepted") }
      expect(first.write(request_bytes("GET", "/")).read_response.status).to eq(200)
      expect(waiting.map(&:received)).to all(eq(""))

      expect(first.write(request_bytes("GET", "/give")).read_response.status).to eq(200)
      expect(waiting.map { |client| client.read_response.status }).to all(eq(200))
      expect(server.output.lines.grep(/can be accepted/).size).to eq(1)
    end
  end
end
