-- Beats of two thousand programs on as many hosts, for wrk: each request is the next beat of one.
-- CLOSE=1 makes each a connection of its own.
local n = math.random(0, 1000000) * 2000
local close = os.getenv("CLOSE")
local boot = tostring(os.time()) .. tostring(math.random())
request = function()
  n = n + 1
  local host = n % 2000
  local body = string.format('{"version":1,"program":"load","host":"host-%d","instance":{"boot":"b","pid":1,"started":1},"seq":%d,"period_ms":300000,"grace_ms":60000,"kind":{"type":"alive"},"main":{"state":"alive","ticks":%d}}', host, n, n)
  local headers = { ["Content-Type"] = "application/json" }
  if close then headers["Connection"] = "close" end
  return wrk.format("POST", "/api/beat", headers, body)
end
done = function(summary, latency, requests)
  io.write(string.format("p50 %.2f ms  p99 %.2f ms  max %.2f ms  not 2xx %d\n", latency:percentile(50) / 1000, latency:percentile(99) / 1000, latency.max / 1000, summary.errors.status))
end
