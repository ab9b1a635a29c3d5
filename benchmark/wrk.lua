-- Prints what wrk counted as one line that a program can read. Times are in microseconds. Nothing here runs for
-- each request. With a number behind `--` each is a POST with a body of so many bytes, the same as apps/numbered.rb makes.
function init(arguments)
  if arguments[1] then
    local lines = {}
    for number = 0, tonumber(arguments[1]) / 8 - 1 do
      lines[#lines + 1] = string.format("%07d\n", number)
    end
    wrk.method = "POST"
    wrk.body = table.concat(lines)
  end
end

function done(summary, latency)
  local errors = summary.errors
  print(string.format(
    "counted requests=%d duration=%d bytes=%d connect=%d read=%d write=%d status=%d timeout=%d p50=%d p99=%d",
    summary.requests, summary.duration, summary.bytes,
    errors.connect, errors.read, errors.write, errors.status, errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
