# frozen_string_literal: true

require "spec_helper"
require "support/application/helper"

# to_path is an optimisation: what the client gets is what each would give.
RSpec.describe "A body with to_path" do
  include ApplicationHelper

  # A file with these bytes, as Array of path and bytes.
  def file(bytes)
    path = File.join(temporary_folder, "file")
    File.binwrite(path, bytes)
    path
  end

  # Serves a body with this path, whose each yields "by each".
  def serve_path(path, headers = {})
    serve_traced { [200, headers, traced_body(to_path: -> { path }, each: ->(block) { block.call("by each") })] }
  end

  {
    "an empty file" => 0,
    "a file of one byte" => 1,
    "a file of 64 KiB" => 65_536,
    "a file of 64 KiB and one byte" => 65_537,
    "a file of 5 MiB" => 5 << 20
  }.each do |description, size|
    it "sends #{description} whole, with its length, in place of each" do
      bytes = Random.bytes(size)
      server = serve_path(file(bytes))
      client = connect(server).write(request_bytes("GET", "/") + request_bytes("GET", "/alive"))
      response = client.read_response
      expect(response.body).to eq(bytes)
      expect(response.headers).to include("content-length" => [size.to_s])
      expect(client.read_response.body).to eq("alive")
      expect_closed_once
      expect(trace.count(:each)).to eq(0)
    end
  end

  {
    "is nil" => ->(_) {},
    "is the path of no file" => ->(folder) { File.join(folder, "none") },
    "is the path of a folder" => ->(folder) { folder },
    "is the path of a pipe that nobody writes to" => ->(folder) { File.join(folder, "pipe").tap { |path| File.mkfifo(path) } },
    "is the path of a device" => ->(_) { File::NULL },
    "holds a NUL" => ->(_) { "/etc/passwd\0" },
    "is empty" => ->(_) { "" },
    "is in no encoding" => ->(folder) { "#{folder}/\xFF".b }
  }.each do |description, path|
    it "gives way to each where the path #{description}" do
      server = serve_path(path.call(temporary_folder))
      expect(get(server, "/").body).to eq("by each")
      expect_closed_once
      expect_finished(status: 200)
      expect(trace.count(:each)).to eq(1)
    end
  end

  it "takes a Pathname, and names in any encoding" do
    path = File.join(temporary_folder.b, "\xFF \xE9".b)
    File.binwrite(path, "hello")
    server = serve_path(Pathname(path))
    expect(get(server, "/").body).to eq("hello")
  end

  it "leaves ranges to the application: status, length and part are as it says" do
    part = traced_body(each: ->(block) { block.call("ell") })
    server = serve { [206, { "content-range" => "bytes 1-3/5", "content-length" => "3" }, part] }
    expect(get(server, "/", "range" => "bytes=1-3")).to have_attributes(status: 206, body: "ell")
    whole = file("hello")
    server = serve { [200, {}, traced_body(to_path: -> { whole }, each: nil)] }
    expect(get(server, "/", "range" => "bytes=1-3")).to have_attributes(status: 200, body: "hello")
  end

  it "is not opened for HEAD, whose content-length is the application's" do
    server = serve_path(file("hello"), { "content-length" => "5" })
    client = connect(server).write(request_bytes("HEAD", "/") + request_bytes("GET", "/alive"))
    expect(client.read_response(head: true).headers).to include("content-length" => ["5"])
    expect(client.read_response.body).to eq("alive")
    expect_closed_once
  end

  # Files that are larger than what kernel and server take at once: the server reads on only while the client does.
  describe "of a large file" do
    let(:size) { 64 << 20 }
    let(:path) { file("").tap { |name| File.truncate(name, size) } }

    # A client that has read the head, and as yet nothing more.
    def begin_reading(server)
      client = connect(server, receive_buffer: 65_536).write(request_bytes("GET", "/"))
      expect(client.read_head["content-length"]).to eq(size.to_s)
      client
    end

    it "breaks off when the file becomes shorter under way" do
      server = serve_path(path)
      client = begin_reading(server)
      File.truncate(path, size / 2)
      bytes = client.read_to_eof
      expect(bytes.bytesize).to be < size
      expect_closed_once
      expect(get(server, "/alive").body).to eq("alive")
    end

    it "sends as much as it has promised when the file grows under way" do
      server = serve_path(path)
      client = begin_reading(server)
      File.truncate(path, size * 2)
      client.write(request_bytes("GET", "/alive"))
      read_and_drop(client, size)
      expect(client.read_response.body).to eq("alive")
    end

    it "goes on when the file is unlinked under way" do
      server = serve_path(path)
      client = begin_reading(server)
      File.unlink(path)
      client.write(request_bytes("GET", "/alive"))
      read_and_drop(client, size)
      expect(client.read_response.body).to eq("alive")
    end

    it "holds no thread while the client reads, and gives the file back when it leaves" do
      server = serve_path(path)
      expect(get(server, "/alive").status).to eq(200)
      before = resource_counts.descriptors
      clients = Array.new(8) { begin_reading(server) }
      expect(get(server, "/alive").body).to eq("alive")
      clients.each(&:abort)
      eventually { resource_counts.descriptors <= before }
    end

    it "takes no more memory than a few pieces of it" do
      server = spawn_server(<<~RUBY)
        body = Struct.new(:to_path) { def each = raise("each was called") }
        run ->(_env) { [200, {}, body.new(#{path.inspect})] }
      RUBY
      client = begin_reading(server)
      read_and_drop(client, 4 << 20)
      before = resident_bytes(server.pid)
      read_and_drop(client, size - (4 << 20))
      expect(resident_bytes(server.pid) - before).to be < 8 << 20
    end

    # Reads and forgets, piece by piece.
    def read_and_drop(client, bytes)
      (bytes / 65_536).times { client.read_bytes(65_536) }
    end
  end
end
