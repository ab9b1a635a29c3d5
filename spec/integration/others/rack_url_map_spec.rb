# frozen_string_literal: true

require "spec_helper"
require "rack"
require "support/bodies/examples"

RSpec.describe "Rack::Builder with Rack::URLMap" do
  include BodiesHelper

  # Rack::ContentLength of Rack 2 buffers every body, and knows none with `call`.
  context "with every kind of body below a prefix", rack: ">= 3.0" do
    def wrap(app)
      Rack::Builder.app do
        use Rack::Runtime
        use Rack::ContentLength
        map("/mounted") { run app }
        run ->(_env) { [404, {}, ["not mounted"]] }
      end
    end

    def mount_point
      "/mounted"
    end

    it_behaves_like "a middleware that passes every kind of body"
  end

  describe "the names that the application sees" do
    # What each place answers: its name, SCRIPT_NAME and PATH_INFO.
    def place(name)
      ->(env) { [200, {}, [name, " ", env["SCRIPT_NAME"].inspect, " ", env["PATH_INFO"].inspect]] }
    end

    def served
      example = self
      @served ||= serve(Rack::Builder.app do
        map("/a") { run example.place("a") }
        map("/a/b") { run example.place("a/b") }
        map("http://other.example/a") { run example.place("other") }
        map("/nested") { map("/deep") { run example.place("nested") } }
        map("/") { run example.place("root") }
      end)
    end

    {
      "/" => 'root "" "/"',
      "/a" => 'a "/a" ""',
      "/a/" => 'a "/a" "/"',
      "/a/c?d=e" => 'a "/a" "/c"',
      "/a/b/c" => 'a/b "/a/b" "/c"',
      "/ab" => 'root "" "/ab"',
      "/a%2Fb" => 'root "" "/a%2Fb"',
      "/nested/deep/x" => 'nested "/nested/deep" "/x"'
    }.each do |path, answer|
      it "are #{answer} for #{path}" do
        expect(get(served, path).body).to eq(answer)
      end
    end

    ["other.example", "other.example:80", "OTHER.example"].each do |host|
      it "depend on the host (#{host})" do
        expect(get(served, "/a/c", "host" => host).body).to eq('other "/a" "/c"')
      end
    end

    it "are restored for the middleware outside" do
      seen = Queue.new
      map = Rack::URLMap.new("/a" => place("a"))
      server = serve(lambda do |env|
        map.call(env).tap { seen << env.values_at("SCRIPT_NAME", "PATH_INFO") }
      end)
      get(server, "/a/c")
      expect(seen.pop).to eq(["", "/a/c"])
    end
  end
end
