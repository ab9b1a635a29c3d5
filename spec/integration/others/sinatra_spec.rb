# frozen_string_literal: true

require "spec_helper"
require "sinatra/base"
require "support/live_response"

RSpec.describe "Sinatra's stream" do
  let(:events) { Queue.new }
  let(:closed) { Queue.new }
  let(:served) { serve(application) }

  # Each stream sends what the spec puts into `events`, until it puts :end there.
  def application
    events = self.events
    closed = self.closed
    Sinatra.new do
      set :environment, :test
      set :host_authorization, permitted_hosts: []
      get("/") { "ordinary" }
      get "/plain" do
        stream do |out|
          out.callback { closed << "plain" }
          while (event = events.pop) != :end
            event == :raise ? raise("half-way") : out << event
          end
        end
      end
      get "/open" do
        content_type "text/event-stream"
        stream(:keep_open) do |out|
          out.callback { closed << "open" }
          event = events.pop
          event == :end ? out.close : out << event
        end
      end
    end
  end

  parts = %w[first second third]

  %w[/plain /open].each do |path|
    it "sends each part at once (#{path})" do
      response = LiveResponse.new(connect(served).write(request_bytes("GET", path)))
      parts.each do |event|
        events << event
        expect(response.text_until(event)).to eq(event)
      end
      events << :end
      expect(response.rest).to eq("")
      expect(closed.pop).to eq(path.delete_prefix("/"))
    end

    it "ends when a write finds that the client has left (#{path})" do
      client = connect(served).write(request_bytes("GET", path))
      events << "first"
      client.read_until("first")
      client.abort
      eventually do
        events << "to nobody" if events.empty?
        !closed.empty?
      end
      events.clear
      expect(get(served, "/").body).to eq("ordinary")
    end
  end

  it "is seen to be broken when it raises half-way" do
    response = LiveResponse.new(connect(served).write(request_bytes("GET", "/plain")))
    events << "first"
    response.text_until("first")
    events << :raise
    expect(response).to be_broken
    expect(closed.pop).to eq("plain")
  end

  it "keeps the connection for the next request" do
    client = connect(served).write(request_bytes("GET", "/plain"))
    events << "first" << :end
    expect(client.read_response.body).to eq("first")
    expect(client.write(request_bytes("GET", "/")).read_response.body).to eq("ordinary")
  end
end
