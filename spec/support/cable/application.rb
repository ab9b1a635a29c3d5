# frozen_string_literal: true

require "fileutils"
require "json"
require_relative "../server_helper"

module Cable
  # The Rails application of spec/support/apps/cable in a server process: a copy of it, whose Gemfile has one line more.
  class Application
    include ServerHelper

    # Where the application's files are.
    SOURCE = File.expand_path("../apps/cable", __dir__)

    # The one line.
    GEM = PumaControl.wanted? ? 'gem "puma"' : "gem \"penstock\", path: #{ROOT.inspect}"

    # @return [ChildServer]
    attr_reader :server

    # Boots it.
    #
    # @param env [Hash{String => String}] CABLE_ADAPTER, REDIS_URL
    # @param args [Array<String>] further arguments of the command line
    def initialize(env: {}, args: [])
      folder = File.join(temporary_folder, "application")
      FileUtils.cp_r(SOURCE, folder)
      File.write(File.join(folder, "Gemfile"), "#{GEM}\n", mode: "a")
      variables = { "BUNDLE_GEMFILE" => File.join(folder, "Gemfile"), "RACK_ENV" => "production", "RAILS_ENV" => "production" }
      @server = spawn_server(File.join(folder, "config.ru"), args: args, env: variables.merge(env), chdir: folder)
    end

    # @return [Integer] the WebSockets that ActionCable has open
    def connections
      Integer(get(server, "/connections").body)
    end

    # Sends a message to a room from outside of any WebSocket.
    def broadcast(room, text)
      post("/broadcast", room: room, text: text)
    end

    # Ends all connections of a name.
    def disconnect(name)
      post("/disconnect", name: name)
    end

    # Ends the process.
    #
    # @return [String] what it logged
    def stop
      end_servers
    end

    private

    def post(path, **data)
      response = request(server, "POST", path, headers: { "content-type" => "application/json" }, body: JSON.generate(data))
      raise "#{path} answered #{response.status}: #{response.body}" unless response.status == 204
    end
  end
end
