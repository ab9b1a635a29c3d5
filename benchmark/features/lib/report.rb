# frozen_string_literal: true

require "etc"

module Features
  # What came of a check on a server. yes: whether the server does it; evidence: what was seen.
  Outcome = Struct.new(:yes, :evidence, keyword_init: true)

  # What was seen, as Markdown.
  class Report
    # @param peers [Array<Peer>]
    # @param outcomes [Hash{Check => Hash{Peer => Outcome}}]
    def initialize(peers, outcomes)
      @peers = peers
      @outcomes = outcomes
    end

    # @return [String] a row for each check: yes or no
    def table
      rows = @outcomes.map { |check, by_peer| [check.title, *@peers.map { |peer| by_peer[peer].yes ? "yes" : "no" }] }
      markdown(["", *@peers.map(&:title)], rows)
    end

    # @return [String] what each server did, check by check
    def evidence
      @outcomes.map do |check, by_peer|
        lines = by_peer.map { |peer, outcome| "- #{peer.title}: **#{outcome.yes ? "yes" : "no"}**, #{outcome.evidence}" }
        "### #{check.title}\n\n`benchmark/features/run #{check.name}`\n\n#{lines.join("\n")}\n"
      end.join("\n")
    end

    # What {#evidence} said when it was written.
    # @param text [String] with it in it
    # @return [Hash{String => Hash{String => Outcome}}] by the titles of check and server
    def self.read(text)
      text.split(/^### /).drop(1).to_h do |section|
        lines = section.scan(/^- (.+?): \*\*(yes|no)\*\*, (.+)$/)
        [section[/.+/], lines.to_h { |peer, answer, evidence| [peer, Outcome.new(yes: answer == "yes", evidence: evidence)] }]
      end
    end

    # @return [String] how each server was started
    def settings
      @peers.map do |peer|
        further = peer.variants.to_a.map { |option| "`#{option}`" }.join(" or ")
        "- #{peer.title}: #{peer.settings}#{"; further: #{further}" unless further.empty?}"
      end.join("\n")
    end

    # @return [String] the Ruby and the system
    def self.machine = "Ruby #{RUBY_VERSION}, Linux #{Etc.uname[:release][/\d+\.\d+/]}"

    private

    def markdown(head, rows)
      [head, ["---", *([":-:"] * (head.size - 1))], *rows].map { |row| "| #{row.join(" | ")} |" }.join("\n")
    end
  end
end
