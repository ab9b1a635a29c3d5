# frozen_string_literal: true

namespace :guides do
  desc "Write guides/settings.md from the table of settings"
  task :settings do
    $LOAD_PATH.unshift(File.expand_path("../lib", __dir__))
    require_relative "settings_page"
    File.write(SettingsPage::PATH, SettingsPage.text)
  end
end
