# frozen_string_literal: true

require "json"

# The streams that were left open, by the number of their client, and how many have ended so far, by the class of the error.
open_streams = {}
closed = Hash.new(0)
lock = Mutex.new

# Leaves its stream open. The query is the client's number.
opening = lambda do |env|
  stream_body = lambda do |stream|
    stream.on_close do |error|
      lock.synchronize { closed[error.class.name] += 1 }
    end
    stream.write("open;")
    lock.synchronize { open_streams[env["QUERY_STRING"].to_i] = stream }
  end
  [200, { "content-type" => "text/plain" }, stream_body]
end

# Writes the query to every stream.
broadcast = lambda do |env|
  streams = lock.synchronize { open_streams.values }
  streams.each { |stream| stream.write("#{env["QUERY_STRING"]};") unless stream.closed? }
  [200, {}, [streams.size.to_s]]
end

# Closes the streams of the clients whose number is below the query, and lets go of all that have ended.
closing = lambda do |env|
  lock.synchronize do
    open_streams.each { |number, stream| stream.close if number < env["QUERY_STRING"].to_i }
    open_streams.delete_if { |_number, stream| stream.closed? }
  end
  [200, {}, []]
end

# Collects garbage, and counts what is left.
counting = lambda do |_env|
  GC.start
  counts = {
    open: lock.synchronize { open_streams.each_value.count { |stream| !stream.closed? } },
    streams: ObjectSpace.each_object(Penstock::Stream).count,
    threads: Thread.list.size,
    closed: lock.synchronize { closed.dup }
  }
  [200, { "content-type" => "application/json" }, [JSON.generate(counts)]]
end

paths = { "/open" => opening, "/broadcast" => broadcast, "/close" => closing, "/counts" => counting }

run ->(env) { paths.fetch(env["PATH_INFO"]) { ->(_env) { [200, {}, ["ordinary"]] } }.call(env) }
