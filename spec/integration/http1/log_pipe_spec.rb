# frozen_string_literal: true

require "spec_helper"

RSpec.describe "A log that nobody reads" do
  # fcntl's F_SETPIPE_SZ, which Ruby has no name for.
  set_pipe_size = 1031

  # More requests than lines fit into the pipe.
  requests = 500

  # A pipe of one page.
  define_method(:small_pipe) do
    IO.pipe.each { |io| io.fcntl(set_pipe_size, 4096) }
  end

  # Serves more requests than the pipe has room for lines.
  define_method(:expect_served) do |server|
    client = connect(server)
    requests.times { expect(client.write(request_bytes("GET", "/")).read_response.status).to eq(200) }
  end

  it "does not stall serving when the access log goes to a full pipe" do
    path = File.join(temporary_folder, "log")
    File.mkfifo(path)
    File.open(path, File::RDWR | File::NONBLOCK) do |reader|
      reader.fcntl(set_pipe_size, 4096)
      server = serve(access_log: path) { [200, {}, ["ok"]] }
      expect_served(server)
      expect(reader.read_nonblock(4096)).to include("GET /")
      server.stop(timeout: 1)
    end
  end

  it "does not stall serving when the standard output is a full pipe" do
    path = File.join(temporary_folder, "socket")
    reader, writer = small_pipe
    config = "run ->(env) { [200, { \"content-type\" => \"text/plain\" }, [\"ok\"]] }\n"
    server = spawn_server(config, args: ["-e", "production", "-b", "unix://#{path}", "--access-log"], ready: nil, out: writer)
    eventually(ChildServer::BOOT_TIMEOUT) { connect("unix://#{path}") }
    expect_served("unix://#{path}")
    expect(reader.read_nonblock(4096)).to include("GET /").or match(/#{Regexp.escape(path)}/)
    # Not a byte more: the server wants to say that it stops.
    loop { break if writer.write_nonblock("x", exception: false) == :wait_writable }
    server.signal(:TERM)
    expect(server.wait).to be_success
  ensure
    [reader, writer].each { |io| io&.close }
  end
end
