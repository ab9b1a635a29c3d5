# frozen_string_literal: true

# rubocop:disable Style/OneClassPerFile -- a whole application to read from top to bottom.

require "fileutils"

# Beside what the other applications of this folder leave; a connection for each fiber of a server that runs fibers.
database = File.expand_path("../../tmp/benchmark/rails.sqlite3", __dir__)
FileUtils.mkdir_p(File.dirname(database))
ENV["DATABASE_URL"] = "sqlite3:#{database}?pool=100"

require "rails"
require "active_record/railtie"
require "action_controller/railtie"
require "action_view/railtie"

# A page of Rails with its defaults: one query, a view and its layout.
class Page < Rails::Application
  config.root = File.join(__dir__, "rails")
  config.load_defaults 8.1
  config.eager_load = true
  config.secret_key_base = "0" * 64
  config.logger = Logger.new(IO::NULL)
  # As Falcon advises; the others' threads have a fiber each.
  config.active_support.isolation_level = :fiber
end

# A row has a title.
class Article < ActiveRecord::Base
end

# The page.
class ArticlesController < ActionController::Base
  layout "application"

  # GET /
  def index
    @articles = Article.order(:id).limit(10)
  end
end

Page.initialize!
Page.routes.draw { root "articles#index" }

# The servers of a round use one file; the first one makes it.
unless Article.table_exists? && Article.count == 20
  ActiveRecord::Schema.verbose = false
  ActiveRecord::Schema.define { create_table(:articles, force: true) { |table| table.string :title, null: false } }
  Article.insert_all!(Array.new(20) { |number| { title: "Pipes & valves, part #{number + 1}" } })
end

# rubocop:enable Style/OneClassPerFile

run Page
