# frozen_string_literal: true

require "spec_helper"
require "digest"

RSpec.describe "Bodies that are spooled to a file" do
  include RawCases::Checks

  # Reads the body, and tells its digest and whether a file of the folder was open meanwhile.
  application = <<~RUBY
    require "digest"
    folder = ENV.fetch("TMPDIR")
    run(lambda do |env|
      files = Dir.glob("/proc/self/fd/*").count { |name| (File.readlink(name) rescue "").start_with?(folder) }
      body = env["rack.input"].read
      [200, { "content-type" => "text/plain" }, ["\#{Digest::SHA256.hexdigest(body)} \#{files}"]]
    end)
  RUBY

  let(:folder) { temporary_folder }
  let(:server) { spawn_server(application, args: ["-e", "production"], env: { "TMPDIR" => folder }) }

  # Descriptors of the server that are files of the folder, unlinked ones too.
  def spool_descriptors
    Dir.glob("/proc/#{server.pid}/fd/*").count do |name|
      File.readlink(name).start_with?(folder)
    rescue Errno::ENOENT
      false
    end
  end

  # Expects that neither a file nor a descriptor is left.
  def expect_no_spool
    eventually { Dir.empty?(folder) && spool_descriptors.zero? }
  end

  {
    "nothing" => [0, 0],
    "a body of body_memory_bytes, which stays in memory" => [112 * 1024, 0],
    "a body above body_memory_bytes" => [(112 * 1024) + 1, 1],
    "a body of 8 MiB" => [8 << 20, 1]
  }.each do |description, (size, files)|
    it "reads #{description} whole, and leaves no file" do
      body = Random.new(size).bytes(size)
      expect(request(server, "POST", "/", body: body).body).to eq("#{Digest::SHA256.hexdigest(body)} #{files}")
      expect_no_spool
    end
  end

  it "leaves no file when the client breaks off" do
    client = connect(server).write("POST / HTTP/1.1\r\nHost: example.org\r\nContent-Length: #{1 << 20}\r\n\r\n#{"a" * (1 << 19)}")
    eventually { spool_descriptors == 1 }
    client.abort
    expect_no_spool
    expect_alive(server)
  end

  it "answers 507 when the disk is full, and leaves no file" do
    skip "needs root, to mount a small file system" unless Process.uid.zero?

    system("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder, exception: true)
    begin
      client = connect(server).offer("POST / HTTP/1.1\r\nHost: example.org\r\nContent-Length: #{1 << 20}\r\n\r\n#{"a" * (1 << 20)}")
      expect(client.read_response.status).to eq(507)
      expect(client).to be_ended
      expect_no_spool
      expect_alive(server)
    ensure
      server.kill
      system("umount", folder, exception: true)
    end
  end
end
