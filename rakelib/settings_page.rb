# frozen_string_literal: true

require "penstock/settings"

# The page guides/settings.md, made of the table of settings.
module SettingsPage
  # Where it is.
  PATH = File.expand_path("../guides/settings.md", __dir__)

  # Defaults that hang on something else, in words.
  IN_WORDS = {
    log_level: "`:info`; `:debug` with `debug`",
    drain_timeout: "`30`; `2` in development"
  }.freeze

  # What stands above the tables.
  INTRODUCTION = <<~MARKDOWN
    # Settings

    Each setting has one name: in `config/penstock.rb` (`keep_alive_timeout 20`), in Ruby
    (`Penstock::Server.new(app, keep_alive_timeout: 20)`), and behind `rackup -O`.
    Some have a flag or an environment variable too.
    A flag goes before the configuration file, that before the environment, and that before the default.
    `penstock --check` prints each value and where it came from.

    Times are in seconds, sizes in bytes. Where "or nil" stands, nil switches the limit off; a flag or a variable says `nil`,
    `none` or `off`. A value that a setting does not take is refused at the start with one line.

    `rake guides:settings` makes this page from the table in `lib/penstock/settings_table.rb`.
  MARKDOWN

  # What stands above the second table.
  AWAITED = <<~MARKDOWN
    ## Settings that have no effect yet

    These are known, so that a configuration can name them. Each needs something that this version does not have, and any
    value but the default is refused.
  MARKDOWN

  module_function

  # @return [String] the page.
  def text
    effective, awaited = Penstock::Settings.table.values.partition { |setting| setting.needs.nil? }
    [
      INTRODUCTION,
      table("Flag, variable", effective) { |setting| (setting.flags + setting.variables).map { |name| "`#{name}`" }.join(", ") },
      AWAITED,
      table("Needs", awaited, &:needs)
    ].join("\n")
  end

  # The block gives what stands in the last column.
  def table(last, settings)
    rows = settings.map { |setting| [*row(setting), yield(setting)] }
    names = ["Setting", "What it does", "Values", "Default", last]
    [names, names.map { "---" }, *rows].map { |cells| "| #{cells.map { |cell| cell.gsub("|", "\\|") }.join(" | ")} |\n" }.join
  end

  def row(setting) = ["`#{setting.name}`", setting.doc, setting.type.expected, default(setting)]

  def default(setting)
    IN_WORDS.fetch(setting.name) { "`#{setting.default({ environment: "production" }).inspect}`" }
  end
end
