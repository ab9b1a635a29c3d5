# frozen_string_literal: true

require "spec_helper"
require "json"
require "support/live_response"

# A thousand clients that listen, and five threads: an open stream costs no thread, and nothing is left of it afterwards.
RSpec.describe "A thousand open streams" do
  number = 1000

  # The counts of the process, after a collection of its garbage.
  def counts
    JSON.parse(get(@server, "/counts").body, symbolize_names: true)
  end

  # Seconds that one ordinary request takes.
  def answer_time
    began = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    expect(get(@server, "/").body).to eq("ordinary")
    Process.clock_gettime(Process::CLOCK_MONOTONIC) - began
  end

  # As many listeners as wanted, all of which have got their first bytes.
  define_method(:open_listeners) do
    listeners = Array.new(number) do |index|
      client = connect(@server).write(request_bytes("GET", "/open?#{index}"))
      [client, LiveResponse.new(client)]
    end
    expect(listeners.map { |_, response| response.text_until(";") }).to all(eq("open;"))
    listeners
  end

  # Has `text` sent to all, and expects it at each listener.
  def broadcast(text, listeners)
    expect(get(@server, "/broadcast?#{text}").status).to eq(200)
    expect(listeners.map { |_, response| response.text_until(";") }).to all(eq("#{text};"))
  end

  before do
    soft, hard = Process.getrlimit(:NOFILE)
    Process.setrlimit(:NOFILE, hard) if soft < hard # the clients are all in this process
  end

  it "are opened, written to and closed from either side while requests are answered, and leave nothing", limit: 120 do
    config = File.join(ServerHelper::ROOT, "spec/support/apps/many_streams.ru")
    @server = spawn_server(config, args: %w[-t 5 -e test])
    20.times { answer_time }
    first = counts
    baseline = resource_counts(@server.pid)

    listeners = open_listeners
    eventually { counts[:open] == number }
    expect(counts[:threads]).to eq(first[:threads])
    # One more may give the memory back of what has come to rest.
    expect(resource_counts(@server.pid)).to have_attributes(threads: be <= baseline.threads + 1, descriptors: be >= number)
    5.times { |round| broadcast("round-#{round}", listeners) && answer_time }
    expect(Array.new(20) { answer_time }.sort[10]).to be < 0.1

    closed_by_server, closed_by_clients = listeners.each_slice(number / 2).to_a
    get(@server, "/close?#{number / 2}")
    expect(closed_by_server.map { |_, response| response.rest }).to all(eq(""))
    broadcast("half", closed_by_clients)
    closed_by_server.map(&:first).each(&:close)
    closed_by_clients.each_with_index { |(client, _), index| index.even? ? client.close : client.abort }

    eventually(10) { counts[:open].zero? && counts[:closed].values.sum == number }
    expect(counts[:closed][:NilClass]).to eq(number / 2)
    get(@server, "/close?0")
    eventually(20) { 10.times { answer_time } && counts[:streams] <= first[:streams] + 5 }
    expect(counts[:threads]).to eq(first[:threads])
    counts_return_to(baseline)
    expect(@server.output).not_to match(/lost|raised|error/i)
  end
end
