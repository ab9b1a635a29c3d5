# frozen_string_literal: true

require "cgi/escape"

module Penstock
  # What a client sees of an error: a line of text, or in development a page with the error.
  module ErrorPage
    module_function

    # Answers with a status and its name alone.
    # @param stream [Stream] not answered yet.
    # @param status [Integer]
    # @return [void]
    def refuse(stream, status)
      name = { 400 => "Bad Request", 408 => "Request Timeout", 413 => "Content Too Large" }.fetch(status, "Internal Server Error")
      headers = { "content-type" => "text/plain; charset=utf-8" }
      headers["connection"] = "close" unless status == 500
      stream.respond_full(status, headers, stream.head? ? nil : ["#{status} #{name}\n"])
    end

    # Answers 500.
    # @param error [Exception]
    # @param env [Hash]
    # @param development [Boolean] whether the error is shown.
    # @return [void]
    def send(stream, error, env, development:)
      return refuse(stream, 500) unless development && !stream.head?

      stream.respond_full(500, { "content-type" => "text/html; charset=utf-8" }, [page(error, env)])
    end

    def page(error, env)
      title = escape("#{error.class} at #{env["REQUEST_METHOD"]} #{env["REQUEST_PATH"]}")
      <<~HTML
        <!doctype html>
        <html lang="en">
        <head><meta charset="utf-8"><title>#{title}</title><style>
        body { font: 16px/1.5 system-ui, sans-serif; margin: 3rem auto; max-width: 60rem; padding: 0 1rem }
        pre { background: #8881; overflow: auto; padding: 1rem }
        :root { color-scheme: light dark }
        </style></head>
        <body><h1>#{title}</h1><pre>#{escape(error.message)}</pre><pre>#{escape(Array(error.backtrace).join("\n"))}</pre>
        <p>This page is shown in the development environment alone.</p></body></html>
      HTML
    end

    def escape(text) = CGI.escapeHTML(text.to_s.dup.force_encoding(Encoding::UTF_8).scrub)

    private_class_method :page, :escape
  end
end
