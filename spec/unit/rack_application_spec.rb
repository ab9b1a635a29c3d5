# frozen_string_literal: true

require "spec_helper"
require "penstock/rack_application"

RSpec.describe Penstock::RackApplication do
  let(:path) { File.join(temporary_folder, "config.ru") }

  def load(source)
    File.write(path, source)
    described_class.load(path)
  end

  it "is the application, with what it uses" do
    app = load(<<~RUBY)
      use Rack::Head
      run ->(env) { [200, { "x-path" => env["PATH_INFO"] }, ["body"]] }
    RUBY
    status, headers, = app.call(Rack::MockRequest.env_for("/a", method: "HEAD"))
    expect([status, headers["x-path"]]).to eq [200, "/a"]
  end

  it "says where it looked for a file that is not there" do
    expect { described_class.load("no.ru") }
      .to raise_error(Penstock::Error, "there is no no.ru in #{Dir.pwd}; name the file: penstock path/to/config.ru")
  end

  {
    "raise 'no\nluck'" => "RuntimeError: no (%s:1)",
    "\nrequire 'no/such/file'" => "LoadError: cannot load such file -- no/such/file (",
    "run (" => "SyntaxError: ",
    "Integer('x')" => 'ArgumentError: invalid value for Integer(): "x" ('
  }.each do |source, message|
    it "names error and place of #{source.inspect} on one line, and keeps the error" do
      expect { load(source) }.to raise_error(Penstock::Error) { |error|
        expect(error.message).to start_with("#{path} raised #{message.sub("%s", path)}").and end_with("; --debug shows the backtrace")
        expect(error.message.lines.size).to eq 1
        expect(error.cause).to be_a(Exception)
      }
    end
  end

  it "lets an exit of the application be one" do
    expect { load("exit 3") }.to raise_error(SystemExit)
  end
end
