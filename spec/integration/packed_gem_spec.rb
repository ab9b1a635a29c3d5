# frozen_string_literal: true

# The time is that of a release build on two cores; only the first example takes it.
RSpec.describe "The packed gem", limit: 900 do
  let(:packed) { PackedGem.installed }
  let(:config_ru) { File.join(temporary_folder, "config.ru").tap { |path| File.write(path, <<~RUBY) } }
    run ->(env) { [200, { "content-type" => "text/plain" }, ["served from \#{Gem.loaded_specs["penstock"].full_gem_path}"]] }
  RUBY

  # Starts a command of the installed gem.
  def start(*command)
    child = packed.outside_of_bundler { ChildServer.new([*command, config_ru], env: packed.environment, chdir: File.dirname(config_ru)) }
    servers << child
    child.wait_until_ready
  end

  it "holds what a build needs and what a person reads, and nothing that was built or is a test" do
    files = packed.specification.files

    expect(files).to include(
      "Cargo.toml", "Cargo.lock", "src/lib.rs", "ext/penstock/Cargo.toml", "ext/penstock/extconf.rb", "ext/penstock/src/lib.rs",
      "lib/penstock.rb", "exe/penstock", "README.md", "LICENSE", "CHANGELOG.md"
    )
    expect(files.grep(/\A(spec|target|tmp|bin|\.)|\.(so|bundle|o)\z/)).to be_empty
  end

  it "has the version that the crates have" do
    manifest = File.read(File.join(PackedGem::ROOT, "Cargo.toml"))

    expect(manifest[/^\[workspace\.package\]\nversion = "(.+)"/, 1]).to eq(packed.specification.version.to_s)
  end

  it "leaves the extension in an empty GEM_HOME, and not what building it took" do
    expect(Dir.glob("#{packed.home}/extensions/**/penstock.so")).not_to be_empty
    expect(Dir.glob("#{packed.home}/**/*.{rlib,rmeta,o}")).to be_empty
  end

  it "serves through its command" do
    server = start(File.join(packed.home, "bin", "penstock"), "-b", "tcp://127.0.0.1:0")

    response = get(server, "/")
    expect(response.status).to eq(200)
    expect(response.body).to start_with("served from #{packed.home}/")
  end

  it "serves through rackup" do
    server = start(File.join(packed.home, "bin", "rackup"), "-s", "penstock", "-o", "127.0.0.1", "-p", "0")

    response = get(server, "/")
    expect(response.status).to eq(200)
    expect(response.body).to start_with("served from #{packed.home}/")
  end
end
