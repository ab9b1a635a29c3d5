# frozen_string_literal: true

require "socket"
require_relative "helper"
require_relative "../live_response"

# One program that answers in every way that Penstock knows, and one exchange with it in each: for what may happen to Ruby's objects
# in the middle of them.
module EveryKind
  # Ruby, with a place to fill: what is done with the garbage collector. `disturb` is called wherever an object could be caught on
  # its way between Ruby and the server.
  SOURCE = <<~'RUBY'
    # Headers whose values are made while the server reads them, and leave nothing as it was.
    class Made
      def initialize(text) = @text = text

      def to_s
        disturb
        Array.new(10) { |number| "another text, of number #{number}" }
        @text + @text.reverse
      end
    end

    # A body that is a file.
    File_ = Struct.new(:to_path) { def each = raise("not to be called") }

    def disturb = nil

    $ends = Thread::Queue.new
    $over = Thread::Queue.new
    small, large = File.join(__dir__, "small"), File.join(__dir__, "large")
    File.write(small, "s" * 1000)
    File.write(large, "l" * 200_000)

    streaming = lambda do |stream|
      5.times { |number| disturb || stream.write("p#{number}", :-, 1.5, ";") }
      stream << "end"
      stream.close
    end

    answer = lambda do |env|
      input, path = env.values_at("rack.input", "PATH_INFO")
      case path
      when "/array" then [200, { "set-cookie" => %w[a=b c=d], "x-lines" => "e\nf" }, Array.new(20) { |number| "element #{number};" }]
      when "/headers" then [200, Array.new(5) { |number| [:"x-made-#{number}", Made.new("v#{number}")] }.to_h, ["made"]]
      when "/each" then [200, {}, Enumerator.new { |yielder| 5.times { |number| disturb || (yielder << "e#{number};") } }]
      when "/small" then [200, {}, File_.new(small)]
      when "/large" then [200, {}, File_.new(large)]
      when "/stream" then [200, {}, streaming]
      when "/partial" then [200, { "rack.hijack" => streaming }, nil]
      when "/threads"
        [200, {}, ->(stream) { Array.new(3) { Thread.new { disturb || stream.write("t;") } }.each(&:join) && stream.close }]
      when "/left-open"
        [200, {}, ->(stream) { stream.on_close { |error| $ends << error.class } && Thread.new { streaming.call(stream) } }]
      when "/group"
        group = Penstock::Group.new(heartbeat: 60)
        [200, {}, lambda { |stream|
          group << stream
          5.times { |number| disturb || group.write("p#{number}", :-, 1.5, ";") }
          Thread.new { group.write("end") && disturb || group.close }
        }]
      when "/gone"
        [200, {}, lambda { |stream|
          stream.on_close { |error| $ends << error.class }
          stream.write("begun")
        }]
      when "/ends" then [200, {}, [$ends.pop.to_s]]
      when "/read" then [200, {}, [disturb || input.read]]
      when "/lines" then [200, {}, [input.gets, disturb || input.read(3), input.each.to_a.join]]
      when "/trailers" then [200, {}, [input.read, env["penstock.trailers"].inspect]]
      when "/echo"
        [101, { "rack.protocol" => "echo" }, lambda { |stream|
          2.times { disturb || stream.write(stream.readpartial(100)) }
          stream.close
        }]
      when "/hijack"
        io = env["rack.hijack"].call
        Thread.new do
          io.write("taken;")
          disturb
          io.write("#{io.class.name.split("::").last} of #{io.peeraddr[3]}:", io.readpartial(100))
          io.close
        end
        nil
      when "/hints" then disturb || env["rack.early_hints"].call("link" => %w[</a> </b>]) || [200, {}, ["hinted"]]
      when "/raise" then raise IOError, "raised" + " here"
      when "/bad" then [200, {}, [1, 2]]
      when "/finished"
        env["rack.response_finished"] << ->(*given) { disturb || $ends << given.size }
        [200, {}, ["finished"]]
      when "/env" then [200, {}, [env["QUERY_STRING"], env["HTTP_X_LONG"]]]
      when "/over" then ($over << true) && [200, {}, ["over"]]
      end
    end

    server = start(threads: 3, early_hints: true, body_memory_bytes: 1000) { |env| disturb || answer.call(env) }
    COLLECTING
    $over.pop
    server.stop(timeout: 5)
  RUBY

  # What the client does: a name => the request (method, path, fields, body), what is read, and what that is.
  chunked = { "transfer-encoding" => "chunked" }
  body = ->(client) { client.read_final_response.body }
  whole = lambda do |client|
    client.close_write
    client.read_to_eof
  end
  made = (0...5).to_h { |number| ["x-made-#{number}", ["v#{number}#{number.to_s.reverse}v"]] }
  streamed = "p0-1.5;p1-1.5;p2-1.5;p3-1.5;p4-1.5;end"
  long = "x" * 5000
  ALL = {
    "an Array" => [["GET", "/array"], body, Array.new(20) { |number| "element #{number};" }.join],
    "several fields of one name" => [["GET", "/array"], ->(client) { client.read_response.headers.slice("set-cookie", "x-lines") },
                                     { "set-cookie" => %w[a=b c=d], "x-lines" => %w[e f] }],
    "header fields that are made on the way" => [["GET", "/headers"], ->(client) { client.read_response.headers.slice(*made.keys) }, made],
    "a body with each" => [["GET", "/each"], body, "e0;e1;e2;e3;e4;"],
    "a small file" => [["GET", "/small"], body, "s" * 1000],
    "a large file" => [["GET", "/large"], body, "l" * 200_000],
    "a response to HEAD" => [["HEAD", "/array"], ->(client) { client.read_response(head: true).status }, 200],
    "a streaming body" => [["GET", "/stream"], body, streamed],
    "a partial hijack" => [["GET", "/partial"], body, streamed],
    "a stream of several threads" => [["GET", "/threads"], body, "t;t;t;"],
    "a stream that is left open" => [["GET", "/left-open"], body, streamed],
    "its end" => [["GET", "/ends"], body, "NilClass"],
    "a stream that only a group refers to" => [["GET", "/group"], body, streamed],
    "a stream whose client goes" => [["GET", "/gone"], ->(client) { client.read_until("begun") && client.abort && nil }, nil],
    "the end of that" => [["GET", "/ends"], body, "Errno::ECONNRESET"],
    "a request body in memory" => [["POST", "/read", {}, "in memory"], body, "in memory"],
    "a request body in a file" => [["POST", "/read", {}, "f" * 50_000], body, "f" * 50_000],
    "a request body that streams" => [["POST", "/lines", chunked, "7\r\none\ntwo\r\n6\r\n\nthree\r\n0\r\n\r\n"], body, "one\ntwo\nthree"],
    "trailers" => [["POST", "/trailers", chunked, "3\r\nall\r\n0\r\nx-sum: 1\r\n\r\n"], body, "all#{{ "x-sum" => "1" }.inspect}"],
    "a protocol that was switched to" => [["GET", "/echo", { "connection" => "upgrade", "upgrade" => "echo" }],
                                          lambda { |client|
                                            client.read_head
                                            %w[ping pong].map { |word| client.write(word).read_bytes(4) }
                                          }, %w[ping pong]],
    "a full hijack" => [["GET", "/hijack"], ->(client) { client.read_until("taken;") && whole.call(client.write("hello")) },
                        "TCP of 127.0.0.1:hello"],
    "a full hijack of a socket that was read ahead" => [["GET", "/hijack", {}, nil, "early"], whole, "taken;Pair of 127.0.0.1:early"],
    "early hints" => [["GET", "/hints"], ->(client) { client.read_response.headers["link"] }, %w[</a> </b>]],
    "an error" => [["GET", "/raise"], ->(client) { client.read_response.status }, 500],
    "a body that is none" => [["GET", "/bad"], ->(client) { client.read_response.status }, 500],
    "what runs behind a response" => [["GET", "/finished"], body, "finished"],
    "that it ran" => [["GET", "/ends"], body, "4"],
    "a long header field" => [["GET", "/env?#{"q" * 1000}", { "x-long" => long }], body, "#{"q" * 1000}#{long}"]
  }.freeze

  # Runs the program.
  #
  # @param collecting [String] Ruby that is run once the server listens; it may define `disturb`, whose value is nil
  # @return [ChildServer]
  def every_kind_program(collecting)
    # Without what Bundler and RubyGems load there are fewer objects to look at each time.
    run_program(SOURCE.sub("COLLECTING") { collecting }, env: { "RUBYOPT" => "--disable=gems" })
  end

  # Does every exchange, and expects of each what it has to come to.
  #
  # @param child [ChildServer] the program
  # @return [void]
  def expect_every_kind(child)
    ALL.each do |name, (request, read, expected)|
      client = connect(child).write(bytes_of(*request))
      expect([name, read.call(client)]).to eq([name, expected])
      client.close
    end
  end

  private

  # A body whose framing the fields do not give gets a length; `early` is sent behind the request.
  def bytes_of(method, path, headers = {}, body = nil, early = "")
    return request_bytes(method, path, headers: headers) + body if headers.key?("transfer-encoding")

    request_bytes(method, path, headers: headers, body: body) + early
  end
end
