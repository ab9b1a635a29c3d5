-- Prints what wrk counted as one line that a program can read. Times are in microseconds. Nothing here runs for
-- each request.
function done(summary, latency)
  local errors = summary.errors
  print(string.format(
    "counted requests=%d duration=%d bytes=%d connect=%d read=%d write=%d status=%d timeout=%d p50=%d p99=%d",
    summary.requests, summary.duration, summary.bytes,
    errors.connect, errors.read, errors.write, errors.status, errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
