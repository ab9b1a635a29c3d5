# frozen_string_literal: true

module Bench
  # The file of results: a chapter for each Ruby, with a section for each test. A test replaces its own section and
  # leaves the others alone; a chapter that was measured with other versions is begun anew.
  class Report
    # A test's results.
    #
    # name: the test's; title: what it is, in a few words; text: Markdown; plots: Array of Plot
    Section = Struct.new(:name, :title, :text, :plots) do
      # Without plots there are none.
      def initialize(name, title, text, plots = [])
        super
      end

      # @return [String] Markdown, without the plots
      def to_s = "### #{name}: #{title}\n\n#{text}"
    end

    # What the file begins with.
    INTRODUCTION = <<~TEXT
      # Results

      Written by `bin/bench`; do not edit it. One server at a time is under load: it has one core to itself and the
      client has another one. The servers take turns (A B C A B C …), so that what changes on the machine meets all of
      them. CPU is the time of all threads of the server's processes, from `/proc/PID/task/*/schedstat`. Figures are
      medians of the rounds; a ratio is the median of the ratios of each round, and means "so many times the CPU".
      A difference below 10% means nothing: it is a tie. KB are 1,000 bytes.

      A goal is followed by its ratio, and by the least and the most of the rounds. One within 10% of 1 is judged by the 95%
      interval of the median of at least 15 ratios: it is reached where all of that is within the limit.

      p50, p99 and p99.9 are of requests at a fixed rate, sent whether those before have been answered or not. A closed loop,
      where it had to do, hides how long a server stalls.

      Beside Penstock and bare hyper stand Puma and, where the Ruby can have them, Falcon, Iodine and Itsi, each in one
      process with the settings that its documentation advises. The best of the others is the one of these that needs the
      least CPU, with as many threads where it has a number of them; one that has an error, or a fault in the place of its
      figures, is never that one.

      Under each command stand the server commands and the load that it runs, one at a time.
    TEXT

    # @param path [String, nil] of the file; nil: nothing is written
    # @param chapter [String] heading of the chapter, which begins with the Ruby's version
    # @param versions [String] what was measured, in one line
    def initialize(path, chapter:, versions:)
      @path = path
      @heading = "## #{chapter}\n"
      @series = chapter[/\ARuby \d+\.\d+/] || chapter
      @versions = "#{versions}.\n"
    end

    # Puts a section into the file, at once: what was measured is kept when a later test fails. Its plots lie in the folder plots
    # beside the file.
    # @param section [Section] a test's results
    # @param order [Array<String>] the names of all tests
    def add(section, order)
      return unless @path

      chapters = written_chapters
      own = chapters.find { |chapter| chapter.match?(/\A## #{Regexp.escape(@series)}\b/) }
      sections = sections_of(own).reject { |text| name(text) == section.name } << "#{section}\n#{draw(section.plots)}"
      sorted = sections.sort_by { |text| order.index(name(text)) || order.size }
      write((chapters - [own]) << [@heading, @versions, *goals(sorted), *sorted.map(&:chomp)].join("\n"))
    end

    private

    def written_chapters = split(File.exist?(@path) ? File.read(@path) : "", /^(?=## )/)

    # The parts of a text; what stands before the first one is made anew and left out.
    def split(text, pattern) = text.split(pattern).drop(1)

    def name(text) = text[/\A### (\w+):/, 1]

    # The sections of a chapter, if it was measured with these versions; else there are none.
    def sections_of(chapter)
      chapter&.start_with?(@heading) && chapter.include?(@versions) ? split(chapter, /^(?=### )/) : []
    end

    # All goals of the chapter, for who wants to know no more.
    def goals(sections)
      goals = sections.flat_map { |text| text.scan(/^- Goal: (.+)\n/).map { |goal,| "- #{name(text)}: #{goal}\n" } }
      goals.empty? ? [] : ["Goals, each behind the name of its test:\n", goals.join]
    end

    # Draws the plots. Returns the links in Markdown of those that could be drawn: the section is written in any case.
    def draw(plots)
      return "" unless Plot.possible?

      plots.filter_map do |plot|
        plot.draw(plot_path(plot.name))
        "![#{plot.title}](#{plot_path(plot.name).delete_prefix("#{File.dirname(@path)}/")})\n\n"
      rescue Error => e
        warn "bin/bench: #{e.message}"
      end.join
    end

    def plot_path(name) = File.join(File.dirname(@path), "plots", "#{@series.downcase.tr(" ", "-")}-#{name}.png")

    def write(chapters)
      # The newest Ruby first.
      sorted = chapters.map(&:chomp).sort.reverse
      File.write(@path, [INTRODUCTION, *sorted.map { |chapter| "#{chapter}\n" }].join("\n"))
    end
  end
end
