# frozen_string_literal: true

module Bench
  # The file of results: a chapter for each Ruby, with a section for each test. A test replaces its own section and
  # leaves the others alone; a chapter that was measured with other versions is begun anew.
  class Report
    # A test's results.
    #
    # name: the test's; title: what it is, in a few words; text: Markdown
    Section = Struct.new(:name, :title, :text) do
      # @return [String] Markdown
      def to_s = "### #{name}: #{title}\n\n#{text}"
    end

    # What the file begins with.
    INTRODUCTION = <<~TEXT
      # Results

      Written by `bin/bench`; do not edit it. One server at a time is under load: it has one core to itself and the
      client has another one. The servers take turns (A B C A B C …), so that what changes on the machine meets all of
      them. CPU is the time of all threads of the server's processes, from `/proc/PID/task/*/schedstat`. Figures are
      medians of the rounds; a ratio is the median of the ratios of each round, and means "so many times the CPU".
      Differences below 10% mean nothing. KB are 1,000 bytes.

      Beside Penstock and bare hyper stand Puma and, where the Ruby can have them, Falcon, Iodine and Itsi, each in one
      process with the settings that its documentation advises. The best of the others is the one of these that needs the
      least CPU; one that has an error, or a fault in the place of its figures, is never that one.

      Under each command stand the server commands and the load that it runs, one at a time.
    TEXT

    # @param path [String, nil] of the file; nil: nothing is written
    # @param chapter [String] heading of the chapter
    # @param versions [String] what was measured, in one line
    def initialize(path, chapter:, versions:)
      @path = path
      @chapter = "## #{chapter}\n"
      @versions = "#{versions}.\n"
    end

    # Puts a section into the file, at once: what was measured is kept when a later test fails.
    # @param section [Section] a test's results
    # @param order [Array<String>] the names of all tests
    def add(section, order)
      return unless @path

      chapters = split(File.exist?(@path) ? File.read(@path) : "", /^(?=## )/)
      own = chapters.find { |chapter| chapter.start_with?(@chapter) }
      sections = own&.include?(@versions) ? split(own, /^(?=### )/) : []
      replaced = sections.reject { |text| name(text) == section.name } << "#{section}\n"
      sorted = replaced.sort_by { |text| order.index(name(text)) || order.size }
      chapters.delete(own)
      chapters << [@chapter, @versions, *sorted.map(&:chomp)].join("\n")
      write(chapters)
    end

    private

    # The parts of a text; what stands before the first one is made anew and left out.
    def split(text, pattern) = text.split(pattern).drop(1)

    def name(text) = text[/\A### (\w+):/, 1]

    def write(chapters)
      # The newest Ruby first.
      sorted = chapters.map(&:chomp).sort.reverse
      File.write(@path, [INTRODUCTION, *sorted.map { |chapter| "#{chapter}\n" }].join("\n"))
    end
  end
end
