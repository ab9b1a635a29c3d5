# frozen_string_literal: true

require_relative "helper"

# What MessageBus does for its clients, over any protocol and with any of its backends. The including group mixes in
# MessageBusHelper and overrides what differs.
RSpec.shared_examples "MessageBus" do
  describe "a long poll" do
    it "waits for a message and ends with it" do
      app = serve_bus
      poll = open_poll(app, { "/news" => 0 }, stream: false)
      app.bus.publish("/news", "one")

      expect(poll.status).to eq(200)
      expect(poll.whole).to match([a_hash_including("channel" => "/news", "data" => "one")])
      expect(poll).to be_finished
      eventually { app.client_count.zero? }
    end

    it "sends the back-log behind the last message seen without waiting" do
      app = serve_bus
      app.publish_earlier("/news", "one", "two", "three")

      expect(data_of(poll({ "/news" => 1 }, stream: false).whole)).to eq(%w[two three])
      expect(data_of(poll({ "/news" => -2 }, stream: false).whole)).to eq(%w[three])
    end

    it "ends empty when the interval is over" do
      app = serve_bus(long_polling_interval: 100)
      app.publish_earlier("/news", "old")
      poll = poll({ "/news" => 1 }, stream: false)

      expect(poll.whole).to eq([])
      expect(poll).to be_finished
      eventually { app.client_count.zero? }
    end

    it "is answered at once where the client asks for no long poll" do
      serve_bus
      expect(poll({ "/news" => 0 }, stream: false, query: "?dlp=t").whole).to eq([])
    end

    it "is answered at once above the number of clients that MessageBus holds" do
      app = serve_bus(max_active_clients: 1)
      open_poll(app, { "/news" => 0 }, client_id: "first")
      expect(poll({ "/news" => 0 }, stream: false, client_id: "second").whole).to eq([])
    end
  end

  describe "a streaming poll" do
    it "delivers every message before the next is published" do
      app = serve_bus
      poll = open_poll(app, { "/news" => -1 })
      received = (1..20).map do |number|
        app.bus.publish("/news", number)
        poll.messages.first.values_at("data", "message_id")
      end

      expect(received).to eq((1..20).map { |number| [number, number] })
    end

    it "shows the client at once that it is open" do
      app = serve_bus
      app.publish_earlier("/news", "old")
      expect(poll({ "/news" => 1 }).next_batch).to eq([])
    end

    it "starts with the back-log and goes on with what is published" do
      app = serve_bus
      app.publish_earlier("/news", "one", "two")
      poll = open_poll(app, { "/news" => 0 })
      expect(data_of(poll.messages(2))).to eq(%w[one two])

      app.bus.publish("/news", "three")
      expect(data_of(poll.messages)).to eq(%w[three])
    end

    it "tells a new subscriber where its channels stand" do
      app = serve_bus
      app.publish_earlier("/news", "a", "b", "c")
      expect(poll({ "/news" => -1, "/other" => -1 }).next_batch)
        .to match([a_hash_including("channel" => "/__status", "data" => { "/news" => 3, "/other" => 0 })])
    end

    it "carries several channels, and none that was not asked for" do
      app = serve_bus
      poll = open_poll(app, { "/news" => -1, "/weather" => -1 })
      app.bus.publish("/news", "n")
      app.bus.publish("/private", "p")
      app.bus.publish("/weather", "w")

      expect(poll.messages(2).map { |message| message.values_at("channel", "data") }).to eq([%w[/news n], %w[/weather w]])
    end

    it "keeps the order in which each of several threads publishes" do
      app = serve_bus
      poll = open_poll(app, { "/news" => -1 })
      publishers = Array.new(4) { |name| Thread.new { 100.times { |number| app.bus.publish("/news", [name, number]) } } }
      messages = poll.messages(400)
      publishers.each(&:join)

      # MessageBus numbers a message and then passes it on: of two threads the later number may be the faster.
      expect(messages.map { |message| message["message_id"] }).to match_array(1..400)
      expect(data_of(messages).group_by(&:first).values.map { |own| own.map(&:last) }).to all(eq((0..99).to_a))
    end

    it "carries a message of a megabyte, other alphabets and MessageBus' own separator unharmed" do
      app = serve_bus
      poll = open_poll(app, { "/news" => -1 })
      ["x" * 1_048_576, "čau 你好 👋", "a\r\n|\r\nb"].each do |data|
        app.bus.publish("/news", data)
        expect(data_of(poll.messages)).to eq([data])
      end
    end

    it "ends properly when the interval is over" do
      app = serve_bus(long_polling_interval: 100)
      poll = poll({ "/news" => -1 })

      expect(poll).to be_finished
      eventually { app.client_count.zero? }
    end

    it "ends properly when the same client polls anew" do
      app = serve_bus
      old = open_poll(app, { "/news" => -1, "__seq" => 1 })
      fresh = poll({ "/news" => -1, "__seq" => 2 })
      expect(old).to be_finished

      app.bus.publish("/news", "one")
      expect(data_of(fresh.messages)).to eq(%w[one])
    end
  end

  describe "who gets a message" do
    recipients = {
      "a client id" => [{ client_ids: ["client"] }, { client_ids: ["somebody"] }],
      "a user id" => [{ user_ids: [7] }, { user_ids: [8] }],
      "a group id" => [{ group_ids: [2, 9] }, { group_ids: [9] }],
      "a site" => [{ site_id: "west" }, { site_id: "east" }]
    }
    kinds = { streaming: true, long: false }
    recipients.to_a.product(kinds.to_a).each do |(name, (ours, others)), (kind, stream)|
      it "is decided by #{name} in a #{kind} poll" do
        app = serve_bus
        own = { "x-user" => "7", "x-groups" => "1,2" }
        own["x-site"] = "west" if ours[:site_id]
        poll = open_poll(app, { "/news" => 0 }, stream: stream, headers: own)
        app.bus.publish("/news", "hidden", others)
        app.bus.publish("/news", "shown", ours)

        expect(data_of(stream ? poll.messages : poll.whole)).to eq(%w[shown])
      end
    end

    it "is decided by the application's filter" do
      app = serve_bus
      poll = open_poll(app, { MessageBusApp::FILTERED => -1 })
      app.bus.publish(MessageBusApp::FILTERED, { "public" => false })
      app.bus.publish(MessageBusApp::FILTERED, { "public" => true })
      expect(data_of(poll.messages)).to eq([{ "public" => true }])
    end

    it "is decided for the back-log too, and the client learns how far it is" do
      app = serve_bus
      app.publish_earlier("/news", "shown", user_ids: [7])
      app.publish_earlier("/news", "hidden", user_ids: [8])

      shown, status = poll({ "/news" => 0 }, stream: false, headers: { "x-user" => "7" }).whole
      expect(shown).to include("data" => "shown")
      expect(status).to include("channel" => "/__status", "data" => { "/news" => 2 })
    end
  end

  describe "without its hijack" do
    it "answers polls at once, empty or with the back-log" do
      app = serve_bus(rack_hijack_enabled: false)
      expect(poll({ "/news" => 0 }).whole).to eq([])

      app.publish_earlier("/news", "one", "two")
      expect(data_of(poll({ "/news" => 0 }).whole)).to eq(%w[one two])
      expect(data_of(poll({ "/news" => 1 }, stream: false).whole)).to eq(%w[two])
    end
  end

  describe "what the application adds" do
    it "is in the head of a held poll and of one that is answered at once" do
      app = serve_bus
      expect(open_poll(app, { "/news" => 0 }).header("access-control-allow-origin")).to eq("*")
      expect(poll({ "/news" => 0 }, query: "?dlp=t").header("access-control-allow-origin")).to eq("*")
    end
  end

  describe "a server that stops" do
    it "ends streaming and long polls properly, and does not wait for its deadline", limit: 20 do
      app = serve_bus
      streaming = open_poll(app, { "/news" => -1 }, client_id: "streaming")
      long = open_poll(app, { "/news" => 0 }, client_id: "long", stream: false)
      stopping = Thread.new { bus_server.stop(timeout: 60) }

      expect(streaming).to be_finished
      expect(long.whole).to eq([])
      expect(stopping.join(10)).to be(stopping)
    end
  end

  describe "many clients" do
    it "are held open with five threads, while other requests are answered, and each gets the message", limit: 120 do
      app = serve_bus
      polls = Array.new(200) { |number| poll({ "/news" => -1 }, client_id: "client#{number}") }
      eventually(30) { app.client_count == 200 }
      expect(get(bus_server, "/").body).to eq("ordinary")

      app.bus.publish("/news", "for all")
      expect(polls.map { |poll| data_of(poll.messages) }).to all(eq(["for all"]))
    end
  end

  describe "a client that goes away" do
    # A dead connection shows MessageBus its end only when it writes: by a message, else by the interval. It drops the
    # IO without closing it, so that the descriptor is freed with the object. Ruby's collector may find the last ones on
    # the stacks of idle threads: of twenty, a few descriptors may stay.
    %i[vanish hang_up].each do |way|
      it "leaves nothing behind (#{way})" do
        app = serve_bus(long_polling_interval: 3_000)
        expect(poll({ "/news" => 0 }, query: "?dlp=t").whole).to eq([])
        GC.start # what earlier examples have left must not hide what this one leaves
        baseline = resource_counts

        gone = Array.new(20) { |number| open_poll(app, { "/news" => 0 }, client_id: "gone#{number}", stream: number.even?) }
        gone.each(&way)
        2.times { app.bus.publish("/news", "into the void") }

        eventually { app.client_count.zero? }
        eventually(20) do
          expect(get(bus_server, "/").body).to eq("ordinary")
          app.bus.publish("/news", "to nobody")
          GC.start
          now = resource_counts
          expect(descriptors: now.descriptors, threads: now.threads)
            .to match(descriptors: be <= baseline.descriptors + 3, threads: be <= baseline.threads)
          true
        end
      end
    end

    it "does not keep a message from the others" do
      app = serve_bus
      gone, stays = %w[gone stays].map { |name| open_poll(app, { "/news" => -1 }, client_id: name) }
      gone.vanish
      received = Array.new(3) do |number|
        app.bus.publish("/news", number)
        data_of(stays.messages)
      end
      expect(received).to eq([[0], [1], [2]])
    end
  end
end
