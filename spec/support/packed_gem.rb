# frozen_string_literal: true

require "bundler"
require "fileutils"
require "open3"
require "rbconfig"
require "rubygems/package"

# The gem, packed by `rake build` and installed into a GEM_HOME that was empty before.
#
# The folder has a fixed name in the user's cache, outside of the work tree, so that nothing of the tree is found by
# accident. The crates below ours stay compiled beside it from one run to the next (cargo's build directory); what
# RubyGems builds, installs and cleans up is its own each time.
class PackedGem
  # The repository's root.
  ROOT = File.expand_path("../..", __dir__)

  # @return [PackedGem] packed and installed once for a run of rspec
  # @raise [StandardError] each time anew when that failed once: what takes minutes is not tried again
  def self.installed
    raise @failure if @failure

    @installed ||= new.tap(&:install)
  rescue StandardError => e
    @failure = e
    raise
  end

  # Makes another run on this machine wait until this process has ended, since they share the folder.
  def self.lock(path)
    return if @lock

    @lock = File.new(path, File::CREAT)
    @lock.flock(File::LOCK_EX)
  end

  # @return [String] the GEM_HOME
  attr_reader :home

  # @return [Gem::Specification] what the packed file says of itself
  attr_reader :specification

  def initialize
    cache = ENV.fetch("XDG_CACHE_HOME") { File.join(Dir.home, ".cache") }
    @folder = File.join(cache, "penstock", "packed-gem-#{RUBY_VERSION[/\d+\.\d+/]}")
    @home = File.join(@folder, "gem-home")
    @cargo_home = File.join(@folder, "cargo-home")
  end

  # Packs the gem, and installs it with the gems that it and rackup need. Nothing is downloaded: those lie in Bundler's
  # cache.
  #
  # @raise [RuntimeError] with the command's output when one fails
  def install
    FileUtils.mkdir_p(@folder)
    self.class.lock(File.join(@folder, "lock"))
    FileUtils.rm_rf([@home, @cargo_home])
    packed = pack
    @specification = Gem::Package.new(packed).spec
    write_cargo_home
    run("gem", "install", "--local", "--no-document", *needed_gems, packed, env: environment.merge(build_environment))
  end

  # @return [Hash{String => String}] with which a command of the installed gem finds it, and only it
  def environment
    { "GEM_HOME" => home, "GEM_PATH" => home, "PATH" => "#{home}/bin:#{ENV.fetch("PATH")}" }
  end

  # Calls the block without Bundler's variables.
  def outside_of_bundler(&)
    Bundler.with_unbundled_env(&)
  end

  private

  # @return [String] the path of the packed gem
  def pack
    output = run("rake", "build", bundled: true)
    File.join(ROOT, output[%r{pkg/[\w.-]+\.gem}] || raise("`rake build` named no file:\n#{output}")).then { |file| fit_lock(file) }
  end

  # Where bin/setup had to make a lock of its own (Debian's crates have moved past the committed one), the gem is packed
  # again with that lock.
  def fit_lock(file)
    lock = File.join(ROOT, "tmp", "workspace", "Cargo.lock")
    return file unless File.exist?(lock)

    sources = File.join(@folder, "sources")
    FileUtils.rm_rf(sources)
    run("gem", "unpack", file, "--target", sources)
    Dir.chdir(Dir.glob("#{sources}/*").first) do
      FileUtils.cp(lock, "Cargo.lock")
      run("gem", "build", "penstock.gemspec", "--output", "#{sources}/penstock.gem")
    end
    "#{sources}/penstock.gem"
  end

  # Cargo reads a replacement of its registry from files only: outside of the work tree, from CARGO_HOME.
  def write_cargo_home
    config = File.join(ROOT, ".cargo", "config.toml")
    return unless File.exist?(config)

    FileUtils.mkdir_p(@cargo_home)
    FileUtils.cp(config, @cargo_home)
  end

  def build_environment
    variables = {
      "CARGO_BUILD_BUILD_DIR" => File.join(@folder, "crates"),
      "RB_SYS_CARGO_TARGET_DIR" => nil,
      "RB_SYS_CARGO_MANIFEST_DIR" => nil
    }
    variables["CARGO_HOME"] = @cargo_home if File.directory?(@cargo_home)
    variables
  end

  # @return [Array<String>] the packed files of rackup and of all gems that it and Penstock depend on; what a gem depends
  #   on stands before it, which is the order that `gem install --local` wants
  def needed_gems(names = [*@specification.runtime_dependencies.map(&:name), "rackup"])
    names.flat_map do |name|
      spec = Gem.loaded_specs[name] || Gem::Specification.find_by_name(name)
      [*needed_gems(spec.runtime_dependencies.map(&:name)), *(spec.cache_file unless spec.default_gem?)]
    end.uniq
  end

  # Runs a command of this Ruby, and returns its output.
  def run(name, *arguments, env: {}, bundled: false)
    call = -> { Open3.capture2e(env, RbConfig.ruby, "-S", name, *arguments, chdir: bundled ? ROOT : Dir.pwd) }
    output, status = bundled ? call.call : outside_of_bundler(&call)
    raise "`#{[name, *arguments].join(" ")}` failed:\n#{output}" unless status.success?

    output
  end
end
