# frozen_string_literal: true

require "spec_helper"

RSpec.describe "The fields of a response" do
  # Fields that the server itself adds.
  own = %w[date content-length connection transfer-encoding]

  # A response with these fields, and what of it is not the server's own.
  define_method(:fields_of) do |headers, status: 200|
    server = serve { [status, headers, ["body"]] }
    response = get(server, "/")
    expect(response).to have_attributes(status: status, body: "body")
    response.headers.except(*own)
  end

  # Rack's ways to write a field, of all its versions: description => what is returned, what is sent.
  {
    "a name in upper case" => [{ "X-Name" => "a" }, { "x-name" => ["a"] }],
    "a Symbol as name" => [{ x: "a" }, { "x" => ["a"] }],
    "an Integer as value" => [{ "x" => 5 }, { "x" => ["5"] }],
    "a Symbol as value" => [{ "x" => :a }, { "x" => ["a"] }],
    "a Float as value" => [{ "x" => 1.5 }, { "x" => ["1.5"] }],
    "true as value" => [{ "x" => true }, { "x" => ["true"] }],
    "no value" => [{ "x" => nil, "y" => "a" }, { "y" => ["a"] }],
    "an empty value" => [{ "x" => "" }, { "x" => [""] }],
    "an Array" => [{ "x" => %w[a b] }, { "x" => %w[a b] }],
    "an Array of Integers" => [{ "x" => [1, 2] }, { "x" => %w[1 2] }],
    "an Array in an Array" => [{ "x" => [%w[a b], "c"] }, { "x" => %w[a b c] }],
    "an empty Array" => [{ "x" => [], "y" => "a" }, { "y" => ["a"] }],
    "an Array with nil" => [{ "x" => ["a", nil] }, { "x" => ["a"] }],
    "lines, which Rack 2 has for several values" => [{ "x" => "a\nb" }, { "x" => %w[a b] }],
    "lines in an Array" => [{ "x" => %W[a\nb c] }, { "x" => %w[a b c] }],
    "cookies" => [{ "set-cookie" => ["a=1; path=/", "b=2"] }, { "set-cookie" => ["a=1; path=/", "b=2"] }],
    "the same name in two cases" => [{ "x" => "a", "X" => "b" }, { "x" => %w[a b] }],
    "white space around a value" => [{ "x" => " \ta " }, { "x" => ["a"] }],
    "commas in a value" => [{ "x" => "a, b" }, { "x" => ["a, b"] }],
    "a tab in a value" => [{ "x" => "a\tb" }, { "x" => ["a\tb"] }],
    "UTF-8 in a value" => [{ "x" => "caf\u00e9" }, { "x" => ["caf\u00e9".b] }],
    "any byte above ASCII in a value" => [{ "x" => "\xFF\x80".b }, { "x" => ["\xFF\x80".b] }],
    "every character that a name may have" => [{ "!#$%&'*+-.^_`|~09az" => "a" }, { "!#$%&'*+-.^_`|~09az" => ["a"] }],
    "a long value" => [{ "x" => "a" * 60_000 }, { "x" => ["a" * 60_000] }],
    "many fields" => [(1..300).to_h { |number| ["x-#{number}", "a"] }, (1..300).to_h { |number| ["x-#{number}", ["a"]] }]
  }.each do |description, (headers, sent)|
    it "may be written with #{description}" do
      expect(fields_of(headers)).to eq(sent)
    end
  end

  # Fields that would split the response or break it: description => the field.
  illegal = {
    "CR in the value" => { "x" => "a\rb" },
    "CR at the end of the value" => { "x" => "a\r" },
    "CR at the start of the value" => { "x" => "\ra" },
    "NUL in the value" => { "x" => "a\0b" },
    "NUL at the end of the value" => { "x" => "a\0" },
    "a vertical tab at the end of the value" => { "x" => "a\v" },
    "an escape in the value" => { "x" => "a\eb" },
    "DEL in the value" => { "x" => "a\x7Fb" },
    "no name" => { "" => "a" },
    "a blank in the name" => { "x y" => "a" },
    "a blank behind the name" => { "x " => "a" },
    "a colon in the name" => { "x:y" => "a" },
    "LF in the name" => { "x\ny" => "a" },
    "CRLF in the name" => { "x\r\nset-cookie: evil=1\r\ny" => "a" },
    "NUL in the name" => { "x\0" => "a" },
    "brackets in the name" => { "x(y)" => "a" },
    "other than ASCII in the name" => { "caf\u00e9" => "a" }
  }
  illegal.each do |description, field|
    it "are left out, and told once, with #{description}" do
      server = serve { [200, { "x-before" => "1", **field, "x-behind" => "2" }, ["body"]] }
      3.times do
        response = get(server, "/")
        expect(response).to have_attributes(status: 200, body: "body")
        expect(response.headers.except(*own)).to eq("x-before" => ["1"], "x-behind" => ["2"])
      end
      eventually { server.log.include?("a response field was left out") }
      expect(get(server, "/").status).to eq(200)
      expect(server.log.scan("a response field was left out").size).to eq(1)
    end
  end

  it "cannot be smuggled in behind CRLF" do
    server = serve { [200, { "location" => "/a\r\nset-cookie: evil=1\r\n\r\n<html>" }, ["body"]] }
    response = get(server, "/")
    expect(response.body).to eq("body")
    expect(response.headers.keys - own - ["location"]).to be_empty
    expect(response.headers.fetch("location", [])).not_to include("/a")
  end

  it "are told once for each name, in one line that says what to do" do
    server = serve { |env| [200, { env["PATH_INFO"] => "a" }, []] }
    %w[/b /a /b /a].each { |path| get(server, path) }
    lines = eventually { server.log.lines.grep(/left out/).then { |some| some if some.size >= 2 } }
    expect(lines).to contain_exactly(match(%r{"/b".*application}), match(%r{"/a".*application}))
  end

  it "are told within bounds where an application has ever new names that cannot be sent" do
    server = serve { |env| [200, { env["PATH_INFO"] => "a" }, []] }
    client = connect(server)
    300.times { |number| expect(client.write(request_bytes("GET", "/#{number}")).read_response.status).to eq(200) }
    server.stop
    expect(server.log.lines.grep(/left out/).size).to be_between(1, 200)
  end

  # What is Rack's and not the client's.
  [
    { "rack.hijack" => nil }, { "rack.session" => "a" }, { "Rack.Session" => "a" }, { "rack.protocol" => "none" },
    { "status" => "200" }, { "Status" => "200 OK" }, { rack: "x", "rack.x": "a" }
  ].each do |headers|
    it "are never #{headers.keys.last.inspect}" do
      expect(fields_of(headers)).to eq(headers.key?(:rack) ? { "rack" => ["x"] } : {})
    end
  end

  it "keep a status field of another name" do
    expect(fields_of({ "x-status" => "a", "status-text" => "b" })).to eq("x-status" => ["a"], "status-text" => ["b"])
  end

  it "have one date, the application's where it gives one" do
    given = "Tue, 15 Nov 1994 08:12:31 GMT"
    server = serve { |env| [200, env["PATH_INFO"] == "/given" ? { "date" => given } : {}, []] }
    expect(get(server, "/given").headers["date"]).to eq([given])
    expect(get(server, "/").headers["date"]).to match([/\A\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\z/])
  end

  it "may name another server" do
    expect(fields_of({ "server" => "another" })).to eq("server" => ["another"])
  end

  describe "connection:" do
    # Whether the connection goes on behind a response with this field.
    def kept?(value)
      server = serve { [200, { "connection" => value }, ["body"]] }
      client = connect(server).write(request_bytes("GET", "/"))
      response = client.read_response
      expect(response.body).to eq("body")
      return false if response.closing? && client.eof?

      client.write(request_bytes("GET", "/")).read_response.body == "body"
    end

    ["close", "Close", "CLOSE", "keep-alive, close", "close,x", %w[keep-alive close]].each do |value|
      it "#{value.inspect} closes" do
        expect(kept?(value)).to be(false)
      end
    end

    ["keep-alive", "closed", "x-close", ""].each do |value|
      it "#{value.inspect} does not" do
        expect(kept?(value)).to be(true)
      end
    end

    {
      "an Array" => -> { ["body"] },
      "each" => -> { %w[bo dy].each },
      "call" => lambda {
        ->(stream) { stream.write("body") && stream.close }
      }
    }.each do |description, body|
      it "close closes behind a body of #{description}" do
        server = serve { [200, { "connection" => "close" }, body.call] }
        client = connect(server).write(request_bytes("GET", "/") + request_bytes("GET", "/pipelined"))
        expect(client.read_response.body).to eq("body")
        expect(client).to be_ended
      end
    end

    it "takes no other field of a hop with it" do
      expect(fields_of({ "keep-alive" => "timeout=5", "proxy-connection" => "keep-alive", "x" => "a" })).to eq("x" => ["a"])
    end
  end
end
