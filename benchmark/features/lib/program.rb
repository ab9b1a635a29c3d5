# frozen_string_literal: true

require "optparse"

module Features
  # What benchmark/features/run does.
  class Program
    # Where the table stands in README.md.
    MARKS = ["<!-- features: begin -->", "<!-- features: end -->"].freeze

    # The page with what was seen.
    PAGE = File.join(ROOT, "benchmark/FEATURES.md")

    # @param arguments [Array<String>] the command line
    def initialize(arguments)
      @peers = PEERS
      names = OptionParser.new("Usage: benchmark/features/run [options] [CHECK…]") do |options|
        options.on("--peer NAME", "only this server (may be repeated)") { |name| choose(name) }
        options.on("--write", "put what was seen into README.md and benchmark/FEATURES.md") { @write = true }
        options.separator("\nChecks: #{Features.checks.map(&:name).join(", ")}")
      end.parse(arguments)
      @checks = names.empty? ? Features.checks : names.map { |name| find(name) }
    rescue OptionParser::ParseError => e
      abort(e.message)
    end

    # Runs the checks and prints what came of them.
    # @return [void]
    def run
      outcomes = @checks.to_h { |check| [check, attempt(check)] }
      puts Report.new(@peers, outcomes).table
      write(Report.new(PEERS, completed(outcomes))) if @write
    end

    private

    def find(name) = Features.checks.find { |check| check.name == name } || abort("no check #{name}")

    def choose(name)
      @chosen = [*@chosen, PEERS.find { |peer| peer.name == name } || abort("no server #{name}")]
      @peers = @chosen
    end

    # One check on all servers at once: most of the time is waiting.
    # @return [Hash{Peer => Outcome}]
    def attempt(check)
      outcomes = at_once(@peers) { |peer| try(peer, check) }
      outcomes.each { |peer, outcome| puts "#{check.name} #{peer.name}: #{outcome.yes ? "yes" : "no"}, #{outcome.evidence}" }
      $stdout.flush
      outcomes
    end

    # A server passes with any of its variants, and passes as well if only the first moment was unlucky. Where it fails each
    # time, it is told what it did at first.
    def try(peer, check)
      outcome = Attempt.new(peer, check).run
      return outcome if outcome.yes

      labels = ["at the second attempt", *peer.variants.to_a.map { |option| "with `#{option}`" }]
      others = at_once(peer.each_variant) { |variant| Attempt.new(variant, check).run }.values
      label, other = labels.zip(others).find { |_, attempted| attempted.yes }
      other ? Outcome.new(yes: true, evidence: "#{label}: #{other.evidence}") : outcome
    end

    # @return [Hash] what the block returned for each
    def at_once(all)
      all.to_h { |one| [one, Thread.new { yield one }] }.transform_values(&:value)
    end

    # Adds what the page says of the checks and servers that were left out this time. What was seen of another version of a
    # server, or on another machine, says nothing.
    # @return [Hash{Check => Hash{Peer => Outcome}}] of all checks and all servers
    def completed(outcomes)
      text = File.read(PAGE)
      known = text.include?("#{Report.machine}.") ? Report.read(text) : {}
      Features.checks.to_h do |check|
        [check, PEERS.to_h { |peer| [peer, outcomes.dig(check, peer) || known.dig(check.title, peer.title) || missing(check, peer)] }]
      end
    end

    def missing(check, peer)
      abort("#{check.name} has not been looked at with #{peer.title} on #{Report.machine}; nothing is written")
    end

    def write(report)
      readme = File.join(ROOT, "README.md")
      first, last = MARKS
      text = File.read(readme).sub(/(?<=#{Regexp.escape(first)}\n).*(?=#{Regexp.escape(last)})/m) { "\n#{report.table}\n\n" }
      File.write(readme, text)
      File.write(PAGE, <<~MARKDOWN)
        # What five servers do

        Each check is a client on a raw socket and a small application, in `benchmark/features/`; the server runs in one
        process with 5 threads and is fresh for each check. HTTP/2 is looked at over TLS, and without TLS where ALPN does not
        choose it. A "no" was seen twice, and with each further option that is named here. Type `benchmark/features/run` to see
        it again. #{Report.machine}.

        #{report.settings}

        #{report.table}

        ## What was seen

        #{report.evidence.chomp}
      MARKDOWN
    end
  end
end
