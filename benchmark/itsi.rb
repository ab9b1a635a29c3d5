# frozen_string_literal: true

# Settings of Itsi for bin/bench that its command line does not have.

# Requests that wait for a Ruby thread. By default they are 30 for each: of 64 connections with one, half get a 503.
ruby_thread_request_backlog_size 1024

# Seconds until the next request has to be there: by default 2, which ends idle connections before they are measured.
header_read_timeout 60.0
