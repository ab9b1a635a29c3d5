# frozen_string_literal: true

require "optparse"

module Features
  # What benchmark/features/run does.
  class Program
    # Where the table stands in README.md.
    MARKS = ["<!-- features: begin -->", "<!-- features: end -->"].freeze

    # @param arguments [Array<String>] the command line
    def initialize(arguments)
      @peers = PEERS
      names = OptionParser.new("Usage: benchmark/features/run [options] [CHECK…]") do |options|
        options.on("--peer NAME", "only this server (may be repeated)") { |name| choose(name) }
        options.on("--write", "put the table into README.md and benchmark/FEATURES.md") { @write = true }
        options.separator("\nChecks: #{Features.checks.map(&:name).join(", ")}")
      end.parse(arguments)
      @checks = names.empty? ? Features.checks : names.map { |name| find(name) }
    rescue OptionParser::ParseError => e
      abort(e.message)
    end

    # Runs the checks and prints what came of them.
    # @return [void]
    def run
      outcomes = @checks.to_h { |check| [check, @peers.to_h { |peer| [peer, attempt(peer, check)] }] }
      report = Report.new(@peers, outcomes)
      puts report.table
      write(report) if @write
    end

    private

    def find(name) = Features.checks.find { |check| check.name == name } || abort("no check #{name}")

    def choose(name)
      @chosen = [*@chosen, PEERS.find { |peer| peer.name == name } || abort("no server #{name}")]
      @peers = @chosen
    end

    def attempt(peer, check)
      outcome = try(peer, check)
      puts "#{check.name} #{peer.name}: #{outcome.yes ? "yes" : "no"}, #{outcome.evidence}"
      $stdout.flush
      outcome
    end

    # A server passes with any of its variants; where it passes with none, it is told what it does without them.
    def try(peer, check)
      plain, *variants = peer.each_variant
      outcome = Attempt.new(plain, check).run
      return outcome if outcome.yes

      variants.zip(peer.variants.to_a) do |variant, option|
        other = Attempt.new(variant, check).run
        return Outcome.new(yes: true, evidence: "with `#{option}`: #{other.evidence}") if other.yes
      end
      outcome
    end

    def write(report)
      readme = File.join(ROOT, "README.md")
      first, last = MARKS
      text = File.read(readme).sub(/(?<=#{Regexp.escape(first)}\n).*(?=#{Regexp.escape(last)})/m) { "\n#{report.table}\n\n" }
      File.write(readme, text)
      File.write(File.join(ROOT, "benchmark/FEATURES.md"), <<~MARKDOWN)
        # What five servers do

        Each check is a client on a raw socket and a small application, in `benchmark/features/`; the server runs in one
        process with 5 threads and is fresh for each check. Type `benchmark/features/run` to see it again. #{Report.machine}.

        #{report.settings}

        #{report.table}

        ## What was seen

        #{report.evidence.chomp}
      MARKDOWN
    end
  end
end
