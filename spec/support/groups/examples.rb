# frozen_string_literal: true

require "penstock"
require_relative "../latch"
require_relative "../streaming/helper"

# Groups of streams that one server holds. To be included behind StreamingHelper, and behind that of the protocol.
module GroupHelper
  # Opens members of a group.
  #
  # @return [Array(Array<LiveResponse>, Array<Penstock::Stream>)] the responses, whose heads have come, and the streams
  def open_members(group, server, count)
    members = Array.new(count) { open_stream(server).tap { |_, stream| expect(group.add(stream)).to be(true) } }
    members.transpose
  end

  # How often the network's threads had the processor while a member received so many messages, one after the other.
  def turns(server, messages)
    group = Penstock::Group.new
    (response,), = open_members(group, server, 1)
    tasks = Dir["/proc/self/task/*"].select { |task| File.read("#{task}/comm") == "penstock-io\n" }
    count = -> { tasks.sum { |task| Integer(File.read("#{task}/schedstat").split.last, 10) } }
    before = count.call
    messages.times do
      group.write("x;")
      expect(response.text_until(";")).to eq("x;")
    end
    count.call - before
  end

  # Expects that all of them end, and that each body is what is given.
  def expect_all(responses, body)
    expect(responses.map(&:rest)).to all(eq(body))
  end
end

# What a group does, whatever the protocol of its members. The including group gives the number of a large group.
RSpec.shared_examples "a group of streams" do |many|
  include GroupHelper

  let(:group) { Penstock::Group.new }

  it "hands what is written to each member, as one message, and to nobody else" do
    server = serve_left_open
    responses, opened = open_members(group, server, 3)
    other, stranger = open_stream(server)
    expect(group.write("one;")).to eq(3)
    expect(group.write("two", 2, nil, :";")).to eq(3)
    group.close
    expect_all(responses, "one;two2;")
    expect(opened).to all(be_closed)
    expect(stranger).not_to be_closed
    stranger.close
    expect(other.rest).to eq("")
  end

  it "reaches #{many} members from several threads at once, whole, in the order of each thread, and the same one for all", limit: 120 do
    responses, = open_members(group, serve_left_open(send_buffer_bytes: 1_000_000), many)
    writers = Array.new(4) do |writer|
      Thread.new { Array.new(10) { |round| group.write("<#{writer}:#{round}:#{"x" * (round * 20)}>") } }
    end
    expect(writers.flat_map(&:value)).to all(eq(many))
    group.close
    texts = responses.map(&:rest)
    pieces = texts.first.scan(/<[^>]*>/)
    expect(pieces.join).to eq(texts.first)
    whole = Array.new(4) { |writer| Array.new(10) { |round| "<#{writer}:#{round}:#{"x" * (round * 20)}>" } }
    expect(pieces.group_by { |piece| piece[1] }.sort.map(&:last)).to eq(whole)
    expect(texts.uniq.size).to eq(1)
  end

  # With few of them Ruby's lock is kept.
  [1, 20].each do |count|
    it "gives up none of #{count} members because the network's thread is slower than a burst of messages" do
      responses, = open_members(group, serve_left_open(send_buffer_bytes: 4000), count)
      messages = Array.new(40) { |number| format("%0999d;", number) }
      expect(messages.map { |message| group.write(message) }).to all(eq(count))
      group.close
      expect_all(responses, messages.join)
    end
  end

  it "keeps the order of a thread that writes to a stream and to its group" do
    responses, opened = open_members(group, serve_left_open, 1)
    expected = Array.new(300) { |number| "#{number};" }
    expected.each_with_index { |text, index| (index % 3).zero? ? opened.first.write(text) : group.write(text) }
    group.close
    expect_all(responses, expected.join)
  end

  it "is left by a stream that ends, with nothing written, and has forgotten it" do
    responses, opened = open_members(group, serve_left_open, 2)
    opened.first.close
    expect(group.size).to eq(1)
    leave
    eventually { group.empty? }
    expect(opened.map { |stream| group.include?(stream) }).to eq([false, false])
    expect(group.add(opened.last)).to be(false)
    expect(group.write("late")).to eq(0)
    expect(responses.first.rest).to eq("")
  end

  it "lets a stream go that stays open" do
    responses, opened = open_members(group, serve_left_open, 1)
    expect(group.delete(opened.first)).to be(true)
    expect(group.delete(opened.first)).to be(false)
    expect(group.write("not for it")).to eq(0)
    opened.first.write("its own")
    opened.first.close
    expect_all(responses, "its own")
  end

  it "sends heartbeats while nothing is written, and none behind the end" do
    group = Penstock::Group.new(heartbeat: 0.02, heartbeat_data: "beat;")
    responses, = open_members(group, serve_left_open, 2)
    responses.each { |response| 3.times { expect(response.text_until(";")).to eq("beat;") } }
    group.write("the end;")
    group.close
    expect(responses.map(&:rest)).to all(match(/\A(beat;)*the end;\z/))
  end

  it "keeps a stream open to which nobody else refers, and loses it with itself" do
    server = serve_stream { |stream, _env| group << stream }
    response = open_response(server)
    response.status
    5.times { ordinary_elsewhere(server) && GC.start }
    expect(group.write("still here;")).to eq(1)
    expect(response.text_until(";")).to eq("still here;")
    group.close
    expect(response.rest).to eq("")
  end

  it "has its messages wait for the head of a stream that was added before" do
    server = serve do |env|
      group << env["penstock.stream"]
      group.write("early;")
      [200, {}, ->(stream) { stream.write("begun;") }]
    end
    response = open_response(server)
    expect(response.text_until("begun;")).to eq("early;begun;")
    group.close
    expect(response.rest).to eq("")
  end

  it "ends with its server" do
    server = serve_left_open
    _, opened = open_members(group, server, 2)
    server.stop(timeout: 0)
    expect(group).to be_empty
    expect(group.write("late")).to eq(0)
    expect(opened).to all(be_closed)
  end

  # A request on a connection of its own: the threads of the server have other things on their stacks afterwards.
  def ordinary_elsewhere(server)
    client.is_a?(RawClient) ? get(server, "/ordinary") : connect_http2(server).request("GET", "/ordinary").body
  end
end
