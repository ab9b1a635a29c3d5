# frozen_string_literal: true

# Rack 2's SPEC: "The input stream must respond to gets, each, read and rewind."
RSpec.describe "rack.input under Rack 2, of a body that streams", rack: "< 3" do
  chunked = "POST / HTTP/1.1\r\nHost: example.org\r\nTransfer-Encoding: chunked\r\n\r\n"

  it "can be read again after a rewind, and keeps no file behind the request" do
    inputs = Queue.new
    server = serve do |env|
      inputs << env["rack.input"]
      first = env["rack.input"].read
      env["rack.input"].rewind
      [200, {}, [first, "|", env["rack.input"].read(2).to_s, "|", env["rack.input"].gets.to_s]]
    end
    client = connect(server).write("#{chunked}5\r\nhello\r\n0\r\n\r\n")
    expect(client.read_response.body).to eq("hello|he|llo")
    expect(client.write(request_bytes("GET", "/")).read_response.body).to eq("||")
    expect(inputs.pop.instance_variable_get(:@rewindable_io)).to be_nil
  end

  it "raises each time where the client broke off" do
    errors = Queue.new
    server = serve do |env|
      2.times do
        env["rack.input"].read
        errors << nil
      rescue IOError => e
        errors << e.class
      end
      [200, {}, []]
    end
    connect(server).write("#{chunked}5\r\nhe").socket.close_write
    expect(Array.new(2) { errors.pop }).to eq([EOFError, EOFError])
  end
end
