# frozen_string_literal: true

require "fileutils"

module Chat
  # The picture of two tabs side by side, the second one in dark colours, put together by the browser itself.
  class Picture
    # Device pixels for each CSS pixel.
    SCALE = 1.5

    # Of each tab, in CSS pixels.
    WIDTH = 560
    HEIGHT = 620

    # Of the margins and of the bar above each tab, in CSS pixels.
    GAP = 28
    BAR = 30

    # @param browser [Ferrum::Browser]
    # @param tabs [Array<Tab>] two
    def initialize(browser, tabs)
      @browser = browser
      @tabs = tabs
    end

    # Writes the picture as PNG.
    #
    # @param path [String]
    def write(path)
      shots = @tabs.zip(%w[light dark]).map { |tab, scheme| shot(tab.page, scheme) }
      FileUtils.mkdir_p(File.dirname(path))
      sheet = @browser.create_page
      sheet.content = html(shots)
      resize(sheet, (WIDTH * 2) + (GAP * 3), HEIGHT + BAR + (GAP * 2))
      sheet.screenshot(path: path, format: "png")
    end

    private

    def shot(page, scheme)
      media = { "prefers-color-scheme" => scheme, "prefers-reduced-motion" => "reduce" }
      page.command("Emulation.setEmulatedMedia", features: media.map { |name, value| { name: name, value: value } })
      page.evaluate("document.activeElement.blur()")
      resize(page, WIDTH, HEIGHT)
      page.screenshot(format: "png", encoding: :base64)
    end

    def resize(page, width, height)
      page.command("Emulation.setDeviceMetricsOverride", width: width, height: height, deviceScaleFactor: SCALE, mobile: false)
    end

    def html(shots)
      windows = shots.map { |png| "<figure><i></i><i></i><i></i><img src='data:image/png;base64,#{png}'></figure>" }
      <<~HTML
        <!DOCTYPE html>
        <style>
          body { display: flex; gap: #{GAP}px; margin: 0; padding: #{GAP}px; background: #b9c7de }
          figure { margin: 0; width: #{WIDTH}px; overflow: hidden; border-radius: 10px; background: #3a4456; box-shadow: 0 8px 24px #0005 }
          i { float: left; width: 11px; height: 11px; margin: #{(BAR - 11) / 2}px 0 0 9px; border-radius: 50%; background: #7f8ba1 }
          img { display: block; clear: left; width: 100%; padding-top: #{(BAR - 11) / 2}px }
        </style>
        #{windows.join}
      HTML
    end
  end
end
