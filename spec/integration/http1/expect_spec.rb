# frozen_string_literal: true

require "spec_helper"

RSpec.describe "Expect (RFC 9110 section 10.1.1)" do
  head = "POST / HTTP/1.1\r\nHost: example.org\r\nContent-Length: 5\r\n"
  expecting = "#{head}Expect: 100-continue\r\n\r\n"

  it "sends 100 when the application reads, and not before" do
    latch = Latch.new
    server = serve do |env|
      next [200, {}, ["other"]] if env["PATH_INFO"] == "/other"

      latch.wait
      [200, {}, [env["rack.input"].read]]
    end
    client = connect(server).write(expecting)
    eventually { latch.waiting == 1 }
    expect(get(server, "/other").body).to eq("other")
    expect(client.received).to eq("")
    latch.open
    expect(client.read_response.status).to eq(100)
    expect(client.write("hello").read_response).to have_attributes(status: 200, body: "hello")
  end

  it "sends 100 once, however often the application reads" do
    server = serve do |env|
      body = +""
      while (byte = env["rack.input"].read(1))
        body << byte
      end
      [200, {}, [body]]
    end
    client = connect(server).write(expecting)
    expect(client.read_response.status).to eq(100)
    expect(client.write("hello").read_response).to have_attributes(status: 200, body: "hello")
  end

  it "sends 100 to a chunked request too" do
    server = serve { |env| [200, {}, [env["rack.input"].read]] }
    client = connect(server).write("POST / HTTP/1.1\r\nHost: example.org\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n")
    expect(client.read_response.status).to eq(100)
    expect(client.write("5\r\nhello\r\n0\r\n\r\n").read_response).to have_attributes(status: 200, body: "hello")
  end

  it "takes the expectation in any case" do
    server = serve { |env| [200, {}, [env["rack.input"].read]] }
    client = connect(server).write("#{head}EXPECT: 100-Continue\r\n\r\n")
    expect(client.read_response.status).to eq(100)
    expect(client.write("hello").read_response.body).to eq("hello")
  end

  it "never sends 100 when the application does not read" do
    server = serve { [403, {}, ["no"]] }
    client = connect(server).write(expecting)
    expect(client.read_response).to have_attributes(status: 403, body: "no")
  end

  it "does not mistake the body that comes after all for a request" do
    app = Recorder.new
    server = serve do |env|
      env["PATH_INFO"] == "/" ? [403, {}, ["no"]] : app.call(env)
    end
    client = connect(server).write("POST / HTTP/1.1\r\nHost: example.org\r\nContent-Length: #{RawCases::PIPELINED.bytesize}\r\n" \
                                   "Expect: 100-continue\r\n\r\n")
    expect(client.read_response.status).to eq(403)
    client.offer(RawCases::PIPELINED)
    client.close_write
    expect(client).to be_ended
    expect(app.paths).to be_empty
  end

  it "never sends 100 to HTTP/1.0" do
    server = serve { |env| [200, {}, [env["rack.input"].read]] }
    client = connect(server).write(expecting.sub("HTTP/1.1", "HTTP/1.0")).write("hello")
    expect(client.read_response).to have_attributes(status: 200, body: "hello")
  end

  it "takes a body that did not wait" do
    server = serve { |env| [200, {}, [env["rack.input"].read]] }
    client = connect(server).write("#{expecting}hello")
    expect(client.read_final_response).to have_attributes(status: 200, body: "hello")
    expect(client.write(request_bytes("GET", "/")).read_response.status).to eq(200)
  end

  # RFC 9110 section 10.1.1: a server MAY answer 417 to an expectation that it does not know.
  it "ignores other expectations, or answers 417" do
    app = Recorder.new
    server = serve(app)
    response = request(server, "POST", "/", headers: { "expect" => "200-maybe" }, body: "hello")
    expect(response.status).to eq(200).or eq(417)
    expect(app.calls.map(&:body)).to eq(response.status == 200 ? ["hello"] : [])
    expect(get(server, "/").status).to eq(200)
  end
end
