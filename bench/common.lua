-- Common parts of the read loads: prepared requests, a random choice among them, and the result
-- line that `cargo xtask bench` parses.

local common = {}

-- Prepares the requests of a file with one path a line: formatting each request when it is sent
-- would cost the load generator more than a hit costs the server.
function common.requests(file, headers)
  local requests = {}
  for path in io.lines(file) do
    table.insert(requests, wrk.format("GET", path, headers))
  end
  assert(#requests > 0, file .. " has no paths")
  return requests
end

-- The cumulative Zipf distribution: the k-th of n has a weight of 1/k.
function common.zipf(n)
  local sums, sum = {}, 0
  for k = 1, n do
    sum = sum + 1 / k
    sums[k] = sum
  end
  for k = 1, n do sums[k] = sums[k] / sum end
  return sums
end

-- The first index whose cumulative probability is at least u.
function common.pick(sums, u)
  local low, high = 1, #sums
  while low < high do
    local middle = math.floor((low + high) / 2)
    if sums[middle] < u then low = middle + 1 else high = middle end
  end
  return low
end

-- wrk itself counts statuses of 400 and more; a `response` function would make it parse each response.
function common.report(summary, latency)
  local e = summary.errors
  local errors = e.connect + e.read + e.write + e.timeout + e.status
  io.write(string.format("RESULT %.0f %d", summary.requests / (summary.duration / 1000000), errors))
  for _, part in ipairs({ 50, 95, 99, 99.9 }) do
    io.write(string.format(" %.3f", latency:percentile(part) / 1000))
  end
  io.write(" ", summary.requests, " ", e.status, "\n")
end

return common
