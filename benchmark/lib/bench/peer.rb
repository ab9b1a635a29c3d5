# frozen_string_literal: true

module Bench
  # A server that can be measured.
  #
  # name: as on the command line; title: in the tables, without its version; gem: where it comes from, nil where it is no
  # peer's gem; rack: how it runs Rack applications, :threads, :fibers, or nil (it runs none);
  # http2: whether it speaks HTTP/2, by ALPN and with prior knowledge;
  # arguments: a callable that makes the command line from port:, threads:, app: (a name in benchmark/apps),
  # chunks: (for bare hyper: a workload of its command line), http2: (whether it is to speak that) and tls: (nil, or the paths of a
  # certificate and its key); environment: a callable that makes what it needs in the environment from the same;
  # root: of the work tree that it comes from; note: what has to be said of it where it is measured, nil where that is nothing
  Peer = Struct.new(:name, :title, :gem, :rack, :http2, :arguments, :environment, :root, :note, keyword_init: true) do
    # What is left out gets the usual.
    def initialize(name:, arguments:, title: name.capitalize, rack: :threads, http2: false,
                   environment: ->(**) { {} }, root: ROOT, **)
      super
    end

    # @return [String] name and version
    def full_title = [title, version].compact.join(" ")

    # @param threads [Integer, nil] Ruby threads
    # @return [String] name, version, and what it runs applications on
    def label(threads)
      return rack == :fibers ? "#{full_title}, fibers" : full_title unless threads

      "#{full_title}, #{threads} #{threads == 1 ? "thread" : "threads"}"
    end

    # @return [Gem::Version, nil] of its gem; nil where it has none, or it is not installed
    def version = gem && Gem.loaded_specs[gem]&.version

    # @return [Boolean] whether it can be had on this Ruby
    def available? = gem.nil? || !version.nil?

    # @return [Boolean] whether it is Penstock, of this work tree or of another one
    def penstock? = name.start_with?("penstock")

    # @return [Boolean] whether Penstock is compared with it
    def other? = !gem.nil?

    # @param workload [Workload] what is to be asked of it
    # @return [Boolean] whether it speaks the workload's protocol
    def speaks?(workload) = http2 || !workload.http2?

    # @param numbers [Array<Integer>] of Ruby threads
    # @return [Array<Integer, nil>] those it is measured with; one nil where it has no such number
    def thread_counts(numbers) = rack == :threads ? numbers : [nil]

    # @param options [Hash] port:, threads:, app:, chunks:, http2:, tls:
    # @return [Array<String>] what to execute in the project's root
    def command(**options) = arguments.call(**options)

    # YJIT where it is fit for production, for each server alike.
    # @param options [Hash] of #command
    # @return [Hash{String => String}] environment of the process
    def env(**options)
      { **(rack && Machine.yjit? ? { "RUBY_YJIT_ENABLE" => "1" } : {}), **environment.call(**options) }
    end

    # @param options [Hash] of #command
    # @return [String] the command as a person would type it
    def to_shell(**options)
      words = command(**options)
      words = ["benchmark/env", *("ruby" if words[1].start_with?("-")), *words.drop(1)] if rack
      pairs = env(**options).map { |name, value| "#{name}=#{quoted(value)}" }
      [*pairs, "taskset -c #{Server::CORE}", *words.map { |word| quoted(word) }].join(" ")
    end

    private

    # A path in the project is one from its root, one in another work tree begins with DIR, and an executable of a gem is its
    # name.
    def quoted(word)
      word = word.gsub("#{root}/", "DIR/") unless root == ROOT
      short = word.gsub("#{ROOT}/", "").sub(%r{\A/.*/(?=[\w-]+\z)}, "")
      short.match?(/[?&]/) ? "'#{short}'" : short
    end
  end
end
