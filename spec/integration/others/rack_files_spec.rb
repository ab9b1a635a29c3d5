# frozen_string_literal: true

require "spec_helper"
require "rack"
require "securerandom"

# Bodies with a path, and ranges, which are the application's.
RSpec.describe "Rack::Files" do
  let(:folder) { temporary_folder }
  let(:large) { SecureRandom.bytes(10 * 1_048_576) }
  let(:served) { serve(Rack::Head.new(Rack::ConditionalGet.new(Rack::Files.new(folder)))) }

  before do
    File.write(File.join(folder, "digits.txt"), "0123456789")
    File.write(File.join(folder, "empty.txt"), "")
  end

  it "sends a file with its length and type" do
    expect(get(served, "/digits.txt"))
      .to have_attributes(status: 200, body: "0123456789",
                          headers: a_hash_including("content-length" => ["10"], "content-type" => ["text/plain"]))
  end

  it "sends an empty file" do
    expect(get(served, "/empty.txt")).to have_attributes(status: 200, body: "")
  end

  it "does not find a file that is not there" do
    expect(get(served, "/missing.txt").status).to eq(404)
  end

  it "answers HEAD with the length alone, and the connection goes on" do
    client = connect(served).write(request_bytes("HEAD", "/digits.txt"))
    expect(client.read_response(head: true)["content-length"]).to eq("10")
    expect(client.write(request_bytes("GET", "/digits.txt")).read_response.body).to eq("0123456789")
  end

  it "answers 304 to a client that has it" do
    modified = get(served, "/digits.txt")["last-modified"]
    expect(get(served, "/digits.txt", "if-modified-since" => modified)).to have_attributes(status: 304, body: nil)
  end

  {
    "bytes=0-3" => [206, "0123", "bytes 0-3/10"],
    "bytes=4-" => [206, "456789", "bytes 4-9/10"],
    "bytes=-2" => [206, "89", "bytes 8-9/10"],
    "bytes=9-20" => [206, "9", "bytes 9-9/10"],
    "bytes=10-" => [416, "Byte range unsatisfiable\n", "bytes */10"]
  }.each do |range, (status, body, content_range)|
    it "answers a range (#{range})" do
      response = get(served, "/digits.txt", "range" => range)
      expect([response.status, response.body, response["content-range"]]).to eq([status, body, content_range])
    end
  end

  it "answers several ranges in parts", rack: ">= 3.0" do
    response = get(served, "/digits.txt", "range" => "bytes=0-1,8-9")
    expect(response.status).to eq(206)
    expect(response["content-type"]).to start_with("multipart/byteranges")
    expect(response.body).to include("content-range: bytes 0-1/10\r\n\r\n01").and include("content-range: bytes 8-9/10\r\n\r\n89")
  end

  it "sends a large file whole, a part of it too, one after the other on a connection" do
    File.binwrite(File.join(folder, "large"), large)
    client = connect(served).write(request_bytes("GET", "/large"))
    expect(client.read_response.body == large).to be(true)
    client.write(request_bytes("GET", "/large", headers: { "range" => "bytes=1000000-8999999" }))
    expect(client.read_response.body == large[1_000_000..8_999_999]).to be(true)
  end

  it "closes the file when it has been sent, and when the client left half-way" do
    File.binwrite(File.join(folder, "large"), large)
    get(served, "/digits.txt")
    GC.start # what earlier examples have left must not hide what this one leaves
    baseline = resource_counts
    expect(get(served, "/large").body.bytesize).to eq(large.bytesize)
    20.times { connect(served).write(request_bytes("GET", "/large")).tap { |client| client.read_until("\r\n\r\n") }.abort }
    # Descriptors alone: the threads that read files wait a while for the next one.
    eventually { expect(resource_counts.descriptors).to be <= baseline.descriptors }
  end
end
