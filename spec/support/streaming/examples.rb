# frozen_string_literal: true

require_relative "helper"

# What every streaming response does, whatever its form. The including group gives the form's name.
RSpec.shared_examples "a streaming response" do |form|
  include StreamingHelper

  let(:latch) { Latch.new }

  after { latch.open }

  it "sends the head before its code has written anything" do
    server = serve_stream(form, status: 201, headers: { "x-name" => "value" }) do |stream, _env|
      latch.wait
      stream.close
    end
    response = open_response(server)
    expect([response.status, response["x-name"], response["rack.hijack"]]).to eq([201, "value", nil])
    latch.open
    expect(response.rest).to eq("")
  end

  it "sends each write at once, without a flush, while its code still runs" do
    steps = Array.new(3) { Latch.new }
    server = serve_stream(form) do |stream, _env|
      steps.each_with_index do |step, number|
        stream.write("part #{number};")
        step.wait
      end
      stream.close
    end
    response = open_response(server)
    steps.each_with_index do |step, number|
      expect(response.text_until(";")).to eq("part #{number};")
      step.open
    end
    expect(response.rest).to eq("")
  end

  it "stays open when its code has returned, until somebody closes it; then the connection goes on" do
    response, stream = open_stream(serve_left_open(form))
    eventually { app.bodies.size == 1 && notes.empty? }
    Thread.new { stream << "from another thread;" }.join
    expect(response.text_until(";")).to eq("from another thread;")
    Thread.new { stream.close }.join
    expect(response.rest).to eq("")
    expect(ordinary).to eq("ordinary")
  end

  it "holds no thread while it is open: 5 threads, 20 streams, and requests are answered" do
    server = serve_left_open(form, threads: 5)
    responses, opened = Array.new(20) { open_stream(server) }.transpose
    20.times { expect(get(server, "/ordinary").body).to eq("ordinary") }
    opened.each_with_index { |stream, number| stream.write("number #{number};") }
    expect(responses.map { |response| response.text_until(";") }).to eq(Array.new(20) { |number| "number #{number};" })
    opened.each(&:close)
    expect(responses.map(&:rest)).to all(eq(""))
  end

  it "reads the request body as it comes, while it writes" do
    server = serve_stream(form) do |stream, _env|
      while (bytes = stream.read(3))
        stream << bytes.upcase
      end
      stream.write("end")
      stream.close
    end
    response = open_upload(server)
    %w[one two].each do |word|
      upload(word)
      expect(response.text_until(word.upcase)).to eq(word.upcase)
    end
    end_upload
    expect(response.rest).to eq("end")
  end

  it "can be read when its code has returned" do
    server = serve_left_open(form, threads: 1)
    response = open_upload(server)
    response.status
    # The thread is free.
    expect(get(server, "/ordinary").body).to eq("ordinary")
    stream = streams.pop
    upload("late")
    expect(stream.read(4)).to eq("late")
    end_upload
    expect(stream.read).to eq("")
    stream.close
    expect(response.rest).to eq("")
  end

  it "is broken off when its code raises" do
    server = serve_stream(form) do |stream, _env|
      stream.write("begun;")
      raise "an error of the application"
    end
    response = open_response(server)
    expect(response.text_until(";")).to eq("begun;")
    expect(response).to be_broken
    eventually { server.log.include?("an error of the application") }
    expect(get(server, "/ordinary").body).to eq("ordinary")
  end

  it "closes its body once, as soon as its code has returned, and then runs response_finished" do
    server = serve_stream(form) do |stream, env|
      body = app.bodies.pop
      env["rack.response_finished"] << ->(*) { notes << body.closes }
      latch.wait
      streams << stream
    end
    response = open_response(server)
    expect(response.status).to eq(200)
    expect(notes).to be_empty
    latch.open
    expect(notes.pop).to eq(form == "a proc as the body" ? 0 : 1)
    stream = streams.pop
    stream.write("still open;")
    expect(response.text_until(";")).to eq("still open;")
    stream.close
    expect(response.rest).to eq("")
    expect(notes).to be_empty
  end

  it "may be closed again, and raises IOError for whatever else comes then" do
    response, stream = open_stream(serve_left_open(form))
    2.times { stream.close }
    expect(stream).to be_closed
    expect { stream.write("late") }.to raise_error(IOError, "closed stream")
    expect { stream << "late" }.to raise_error(IOError, "closed stream")
    expect(response.rest).to eq("")
  end

  it "can be watched through env, whatever wraps the stream" do
    server = serve_stream(form) do |_stream, env|
      stream = env["penstock.stream"]
      stream.on_close { |error| notes << error }
      streams << stream
    end
    _, stream = open_stream(server)
    expect(stream).not_to be_closed
    leave
    expect(notes.pop).to be_a(Errno::ECONNRESET).or be_a(Errno::EPIPE)
    expect(stream).to be_closed
  end

  it "does not run for a HEAD, and its body is closed" do
    server = serve_stream(form) { |stream, _env| stream.close }
    response = open_response(server, method: "HEAD")
    expect([response.status, response.rest]).to eq([200, ""])
    expect(ordinary).to eq("ordinary")
    body = app.bodies.pop
    expect([body.calls, body.closes]).to eq([0, form == "a proc as the body" ? 0 : 1])
  end
end

# Of HTTP/1.0, which has no other end.
RSpec.shared_examples "a streaming response on HTTP/1.0" do |form|
  include StreamingHelper

  it "ends with the connection on HTTP/1.0" do
    server = serve_stream(form) do |stream, _env|
      stream << "all " << "of it"
      stream.close
    end
    response = open_response(server, version: "HTTP/1.0")
    expect([response.status, response["transfer-encoding"], response.rest]).to eq([200, nil, "all of it"])
    expect(client).to be_eof
  end
end
