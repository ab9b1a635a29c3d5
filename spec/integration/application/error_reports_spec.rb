# frozen_string_literal: true

require "spec_helper"
require "support/application/helper"

RSpec.describe "What is told of an application's error" do
  include ApplicationHelper

  # An application whose call raises, with a cause, several methods deep.
  def failing(message)
    lambda do |_env|
      Integer("no number")
    rescue ArgumentError
      raise KeyError, message
    end
  end

  describe "to the log" do
    it "is all of it: the request, the class, every line of the message, the places, and the causes" do
      server = serve(failing("first line\nsecond line"))
      request(server, "PUT", "/path?query=1")
      log = eventually { server.log.then { |text| text if text.include?("no number") } }
      expect(log).to match(%r{^penstock: PUT /path raised$})
      expect(log).to include("KeyError", "first line", "second line", "ArgumentError", 'invalid value for Integer(): "no number"')
      expect(log.scan("error_reports_spec.rb:").size).to be >= 2
    end

    it "is one entry, though several threads write at once" do
      server = serve { |env| raise "error #{env["PATH_INFO"]}" }
      clients = Array.new(20) { |index| connect(server).write(request_bytes("GET", "/#{index}")) }
      expect(clients.map { |client| client.read_response.status }).to all(eq(500))
      log = eventually { server.log.then { |text| text if text.scan("raised\n").size == 20 } }
      entries = log.split(/^penstock: /).drop(1)
      expect(entries.map { |entry| entry[%r{error (/\d+) \(}, 1] }).to eq(entries.map { |entry| entry[%r{\AGET (/\d+) raised$}, 1] })
    end

    it "is there in any encoding" do
      server = serve { raise "caf\xE9 \xFF".b }
      expect(get(server, "/").status).to eq(500)
      eventually { server.log.include?("caf") }
      expect(get(server, "/").status).to eq(500)
    end

    it "is nothing where a client left, which is no error of the application" do
      trace_of_write = Queue.new
      server = serve do
        [200, {}, lambda do |stream|
          loop { stream.write("a" * 10_000) }
        rescue SystemCallError => e
          trace_of_write << e
          raise
        end]
      end
      client = connect(server).write(request_bytes("GET", "/"))
      client.read_chunk if client.read_head
      client.abort
      expect(trace_of_write.pop).to be_a(Errno::EPIPE).or be_a(Errno::ECONNRESET)
      server.stop
      expect(server.log).not_to include("raised")
    end
  end

  describe "to the client" do
    %w[production test staging].each do |environment|
      it "is nothing in #{environment}" do
        server = serve(failing("a secret"), environment: environment)
        response = get(server, "/")
        expect(response).to have_attributes(status: 500, body: "500 Internal Server Error\n")
        expect(response.headers.to_s).not_to include("secret")
      end
    end

    it "is a page in development, in which nothing is markup" do
      server = serve(failing("<script>alert(1)</script> & more"), environment: "development")
      response = get(server, "/path")
      expect(response).to have_attributes(status: 500)
      expect(response["content-type"]).to eq("text/html; charset=utf-8")
      body = response.body.dup.force_encoding(Encoding::UTF_8)
      expect(body).to include("KeyError", "GET /path", "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more", "error_reports_spec.rb:")
      expect(body).not_to include("<script>")
    end

    it "is a page in development for a message in any encoding" do
      server = serve(environment: "development") { raise "caf\xE9 \xFF".b }
      body = get(server, "/").body.force_encoding(Encoding::UTF_8)
      expect(body).to be_valid_encoding.and include("caf")
    end

    it "is no body for HEAD in development" do
      server = serve(failing("a secret"), environment: "development")
      client = connect(server).write(request_bytes("HEAD", "/") * 2)
      2.times { expect(client.read_response(head: true).status).to eq(500) }
      expect(client.received).to eq("")
    end

    it "keeps the connection, and what is pipelined behind the error is answered" do
      server = serve { |env| env["PATH_INFO"] == "/wrong" ? raise("an error") : [200, {}, ["right"]] }
      client = connect(server).write(request_bytes("GET", "/wrong") + request_bytes("GET", "/right"))
      expect(client.read_response.status).to eq(500)
      expect(client.read_response.body).to eq("right")
    end
  end

  # An error whose methods raise.
  broken = Class.new(StandardError) do
    %i[message to_s detailed_message full_message backtrace inspect].each { |name| define_method(name) { |*, **| raise "broken too" } }
  end

  %w[test development].each do |environment|
    it "is what can be told in #{environment} where the error itself is broken" do
      server = serve(threads: 1, environment: environment) { raise broken }
      2.times { expect(get(server, "/").status).to eq(500) }
      eventually { server.log.scan(%r{^penstock: GET / raised$}).size >= 2 }
    end
  end
end
