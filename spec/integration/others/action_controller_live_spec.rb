# frozen_string_literal: true

require "json"
require "spec_helper"
require "support/live_response"

RSpec.describe "ActionController::Live" do
  let(:app) { spawn_server(File.expand_path("../../support/apps/live/config.ru", __dir__), env: { "RACK_ENV" => "production" }) }

  # @return [LiveResponse]
  def stream(path)
    @client = connect(app).write(request_bytes("GET", path.include?("?") ? path : "#{path}?name="))
    LiveResponse.new(@client)
  end

  def publish(event, name = "")
    expect(request(app, "POST", "/publish?name=#{name}", body: event).status).to eq(204)
  end

  # Waits until so many streams have ended, and Rails' Executor has no request at work but the one that asks.
  def expect_ended(count)
    eventually { expect(JSON.parse(get(app, "/counts").body)).to eq("ended" => count, "running" => 1) }
  end

  it "sends server-sent events, each at once" do
    response = stream("/events")
    %w[one two three].each do |text|
      publish(text)
      expect(response.text_until("\n\n")).to eq("event: news\ndata: {\"text\":\"#{text}\"}\n\n")
    end
    expect(response.headers).to include("content-type" => ["text/event-stream"], "cache-control" => ["no-cache"])
    publish("end")
    expect(response.rest).to eq("")
    expect_ended(1)
  end

  it "sends a download, each part at once" do
    response = stream("/download")
    %w[one two].each do |text|
      publish(text)
      expect(response.text_until(text)).to eq(text)
    end
    expect(response["content-disposition"]).to include("events.txt")
    publish("end")
    expect(response.rest).to eq("")
    expect_ended(1)
  end

  it "holds four streams with five threads, and answers other requests" do
    responses = Array.new(4) { |number| stream("/events?name=#{number}") }
    4.times { |number| publish("event #{number}", number) }
    expect(responses.map { |response| response.text_until("\n\n")[/event \d/] }).to eq(Array.new(4) { |number| "event #{number}" })
    4.times { |number| publish("end", number) }
    expect(responses.map(&:rest)).to all(eq(""))
    expect_ended(4)
  end

  it "is told when a write finds that the client has left, and leaves nothing behind" do
    publish("warm-up")
    stream("/events").text_until("warm-up")
    publish("end")
    expect_ended(1)
    @client.close
    baseline = resource_counts(app.pid)

    publish("one")
    stream("/events").text_until("one")
    @client.abort
    eventually do
      publish("to nobody")
      JSON.parse(get(app, "/counts").body)["ended"] == 2
    end
    expect_ended(2)
    eventually { expect(resource_counts(app.pid).descriptors).to be <= baseline.descriptors }
  end

  it "ends as Rails ends it when an action raises half-way" do
    response = stream("/events")
    publish("one")
    response.text_until("one")
    publish("raise")
    expect(response.rest).to eq("\"}\n\n")
    expect_ended(1)
  end

  it "answers 500 when an action raises before the stream, and Rails' Executor lets go" do
    expect(get(app, "/failure").status).to eq(500)
    expect_ended(0)
  end

  it "answers HEAD with the head alone, and ends the action" do
    publish("one")
    publish("end")
    expect(request(app, "HEAD", "/events?name=")).to have_attributes(status: 200, body: nil)
    expect_ended(1)
  end
end
