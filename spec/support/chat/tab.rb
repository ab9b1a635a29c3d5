# frozen_string_literal: true

require_relative "../eventually"

module Chat
  # One browser tab with the chat of examples/chat in it.
  class Tab
    include Eventually

    # Seconds that anything in the page may take. A tab in the background polls at most every 1.5 s.
    PATIENCE = 20

    # @return [Ferrum::Page]
    attr_reader :page

    # Opens the page and waits until both connections stand.
    #
    # @param browser [Ferrum::Browser]
    # @param url [String]
    # @param author [String] the name of whoever sits before this tab
    def initialize(browser, url, author)
      @page = browser.create_page
      page.go_to(url)
      page.evaluate("document.getElementById('author').value = #{author.dump}")
      eventually(PATIENCE) { states == { cable: "connected", bus: "streaming" } }
    end

    # @return [Hash{Symbol => String}] what the page says of each connection
    def states
      { cable: state("cable"), bus: state("bus") }
    end

    # Brings the tab to the front, types a message, sends it, and waits until the page has taken it.
    #
    # @param text [String]
    # @param way [String] "ActionCable" or "MessageBus"
    def say(text, way:)
      page.command("Page.bringToFront")
      page.at_xpath("//label[contains(@class, 'way')][contains(., '#{way}')]").click
      page.at_css("#text").focus.type(text, :Enter)
      eventually(PATIENCE) { page.evaluate("document.getElementById('text').value") == "" }
    end

    # Waits until the page shows a message.
    #
    # @param message [Hash] :author, :way, :text
    def wait_for(message)
      eventually(PATIENCE) { messages.include?(message) }
    end

    # @return [Array<Hash>] :author, :way, :text of each message that the page shows, in order
    def messages
      page.evaluate(<<~JS).map { |message| message.transform_keys(&:to_sym) }
        Array.from(document.querySelectorAll("#messages li"), (item) => {
          const text = (name) => item.querySelector(name).textContent
          return { author: text(".author"), way: text(".badge"), text: text(".text") }
        })
      JS
    end

    private

    # Read within the page at one moment: a node that is held from here may be gone when it is asked.
    def state(name)
      page.evaluate("document.querySelector('##{name}-state .word').textContent")
    end
  end
end
