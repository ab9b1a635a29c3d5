# frozen_string_literal: true

require "bundler"
require "spec_helper"
require "support/chat/browser"
require "support/chat/picture"
require "support/chat/tab"

# What a person sees who types bin/serve and opens two tabs: the whole way, from the command to the page.
RSpec.describe "The chat that bin/serve serves" do
  # The command as a person's shell runs it: without what `bundle exec` has added to the environment of the specs.
  def bin_serve
    return ChildServer.new([*PumaControl.command, "-b", ServerHelper::ANY_PORT, "examples/chat/config.ru"]) if PumaControl.wanted?

    Bundler.with_original_env do
      ChildServer.new(["bin/serve"], env: { "BIND" => ServerHelper::ANY_PORT }, chdir: ServerHelper::ROOT)
    end
  end

  before(:context) do
    @child = bin_serve
    # Where nothing is built yet, it builds first.
    eventually(600) { @child.output.match?(ChildServer::START_LINE) || @child.ended? }
    @child.wait_until_ready
    @browser = Chat::Browser.start
  end

  after(:context) do
    @browser&.quit
    @child&.kill
  end

  after do |example|
    @browser.reset
    example.metadata[:extra_failure_lines] = ["", "What bin/serve wrote:", *@child.output.lines(chomp: true)] if example.exception
  end

  let(:url) { @child.url }
  let!(:tabs) { %w[Ada Grace].map { |author| Chat::Tab.new(@browser, url, author) } }

  %w[ActionCable MessageBus].each do |way|
    it "carries a message by #{way} from one tab to the other, and back" do
      tabs.first.say("Is anybody there?", way: way)
      tabs.last.wait_for({ author: "Ada", way: way, text: "Is anybody there?" })
      tabs.last.say("I am.", way: way)
      tabs.first.wait_for({ author: "Grace", way: way, text: "I am." })

      # What a tab itself has said comes back to it as to the others, before or after it has reached them.
      authors = -> { tabs.map { |tab| tab.messages.map { |message| message[:author] } } }
      eventually(Chat::Tab::PATIENCE) { expect(authors.call).to eq([%w[You Grace], %w[Ada You]]) }
    end
  end

  it "shows a text as it was written, and not as HTML" do
    tabs.first.say("<b>bold</b> & <script>alert(1)</script>", way: "ActionCable")
    tabs.last.wait_for({ author: "Ada", way: "ActionCable", text: "<b>bold</b> & <script>alert(1)</script>" })
    expect(tabs.last.page.at_css("#messages script")).to be_nil
  end

  context "when it stops while two tabs are open" do
    # In production a drain may take 30 seconds: what ends sooner has not waited for the deadline.
    let(:server) { spawn_server(File.join(ServerHelper::ROOT, "examples/chat/config.ru"), env: { "RAILS_ENV" => "production" }) }
    let(:url) { server.url }

    it "ends as soon as their connections have, and the tabs say that they are gone" do
      server.signal(:TERM)
      expect(server.wait(10).exitstatus).to eq(0)
      tabs.each { |tab| eventually(20) { expect(tab.states.values).to all(eq("reconnecting…")) } }
    end
  end

  # On demand only, so that a run of the specs changes no file of the repository: CHAT_PICTURE=guides/images/chat.png
  if ENV["CHAT_PICTURE"]
    it "makes a good picture" do
      path = File.expand_path(ENV.fetch("CHAT_PICTURE"), ServerHelper::ROOT)
      ada, grace = tabs
      ada.say("Hello! This came over ActionCable’s WebSocket.", way: "ActionCable")
      grace.wait_for({ author: "Ada", way: "ActionCable", text: "Hello! This came over ActionCable’s WebSocket." })
      grace.say("And this through MessageBus, as a piece of a streamed response.", way: "MessageBus")
      grace.say("Two ways, one server.", way: "ActionCable")
      ada.wait_for({ author: "Grace", way: "ActionCable", text: "Two ways, one server." })
      ada.say("And no thread waits for either of us.", way: "MessageBus")
      grace.wait_for({ author: "Ada", way: "MessageBus", text: "And no thread waits for either of us." })
      eventually { expect(tabs.map { |tab| tab.messages.size }).to eq([4, 4]) }

      Chat::Picture.new(@browser, tabs).write(path)
      expect(File.binread(path, 8)).to eq("\x89PNG\r\n\x1A\n".b)
    end
  end
end
