# frozen_string_literal: true

require "tmpdir"
require "fileutils"
require_relative "child_server"
require_relative "http2/client"
require_relative "output_capture"
require_relative "puma_control"
require_relative "raw_client"
require_relative "running_server"

# Starts servers, connects to them, and ends both after the example.
module ServerHelper
  # The repository's root.
  ROOT = File.expand_path("../..", __dir__)

  # The binding that every server gets unless the spec says otherwise: the kernel picks the port.
  ANY_PORT = "tcp://127.0.0.1:0"

  # Seconds that a server may drain when its example is over.
  CLEAN_UP = 0.5

  # Starts a server in this process.
  #
  # @param app [#call, nil] the application; or give it as a block
  # @param settings [Hash] of Penstock::Server; 5 threads, the environment "test" and a free port unless said
  # @return [RunningServer]
  def serve(app = nil, **settings, &block)
    require "penstock" unless PumaControl.wanted?
    @capture ||= OutputCapture.new
    type = PumaControl.wanted? ? PumaControl : Penstock::Server
    server = type.new(app || block, bind: ANY_PORT, threads: 5, environment: "test", **settings)
    RunningServer.new(server, @capture).tap { |running| servers << running }
  end

  # Starts a server in a child process and waits until it listens.
  #
  # @param config [String] the path of a `config.ru`, or its source
  # @param args [Array<String>] command line; a free port is bound unless it binds or names a port itself
  # @param env [Hash{String => String, nil}] variables
  # @param chdir [String, nil] working directory; nil: an empty folder
  # @param ready [Regexp, nil] the start line; nil: do not wait for it
  # @param prefix [Array<String>] a command that runs the server's, with its arguments
  # @param options [Hash] further options of Process.spawn
  # @return [ChildServer]
  def spawn_server(config, args: [], env: {}, chdir: nil, ready: ChildServer::START_LINE, prefix: [], **options)
    folder = temporary_folder
    path = File.file?(config) ? File.expand_path(config) : File.join(folder, "config.ru").tap { |name| File.write(name, config) }
    bind = args.any? { |arg| arg.match?(/\A(-b|--bind|-p|--port)/) } ? [] : ["-b", ANY_PORT]
    command = PumaControl.wanted? ? PumaControl.command : [RbConfig.ruby, "-I#{ROOT}/lib", "#{ROOT}/exe/penstock"]
    child = ChildServer.new([*prefix, *command, *bind, *args, path], env: env, chdir: chdir || folder, options: options)
    servers << child
    ready ? child.wait_until_ready(ready) : child
  end

  # @param server [#url, String] a running server, or a URL
  # @param options [Hash] of RawClient
  # @return [RawClient] closed after the example
  def connect(server, **options)
    client = RawClient.new(server.is_a?(String) ? server : server.url, **options)
    clients << client
    client
  end

  # @param server [#url, String] a running server, or a URL
  # @param options [Hash] of Http2::Client
  # @return [Http2::Client] closed after the example
  def connect_http2(server, **options)
    client = Http2::Client.new(server.is_a?(String) ? server : server.url, **options)
    clients << client
    client
  end

  # One request on a connection of its own.
  #
  # @param headers [Hash{String => String, Array<String>}]
  # @param body [String, nil] sent with a content-length
  # @return [RawClient::Response] the final response
  def request(server, method, path, headers: {}, body: nil)
    client = connect(server)
    client.write(request_bytes(method, path, headers: { "connection" => "close" }.merge(headers), body: body))
    client.read_final_response(head: method == "HEAD")
  ensure
    client&.close
  end

  # @return [RawClient::Response]
  def get(server, path, headers = {})
    request(server, "GET", path, headers: headers)
  end

  # @return [String] the bytes of an HTTP/1.1 request, with a Host unless `headers` has one
  def request_bytes(method, path, headers: {}, body: nil)
    fields = { "host" => "example.org" }.merge(headers)
    fields["content-length"] ||= body.bytesize.to_s if body
    lines = fields.flat_map { |name, values| Array(values).map { |value| "#{name}: #{value}\r\n" } }
    "#{method} #{path} HTTP/1.1\r\n#{lines.join}\r\n#{body}".b
  end

  # @return [String] a folder that is removed after the example
  def temporary_folder
    Dir.mktmpdir("spec").tap { |folder| folders << folder }
  end

  # Ends all that the example started.
  #
  # @return [String] what its servers logged
  def end_servers
    clients.each(&:close)
    servers.each { |server| server.is_a?(ChildServer) ? server.kill : server.stop(timeout: CLEAN_UP) }
    [@capture&.text, *servers.grep(ChildServer).map(&:output)].compact.join
  ensure
    @capture&.stop
    folders.each { |folder| FileUtils.rm_rf(folder) }
  end

  private

  def servers
    @servers ||= []
  end

  def clients
    @clients ||= []
  end

  def folders
    @folders ||= []
  end
end
