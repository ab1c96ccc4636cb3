-- Reads, with uniformly distributed paths or by Zipf's law (`ZIPF=1`: the k-th line is requested 1/k
-- times as often as the first):
--   echo /api/v1/products/hot > paths.txt
--   PATHS=paths.txt ENCODING=br ZIPF=1 wrk -t2 -c64 -d10s --latency -s bench/product.lua http://127.0.0.1:3000

-- With `THINK_MS` each connection pauses for about that long between requests.

local common = dofile((debug.getinfo(1, "S").source:match("@(.*/)") or "./") .. "common.lua")
local threads = 0

function setup(thread)
  thread:set("seed", 42 + threads)
  threads = threads + 1
end

function init()
  math.randomseed(seed)
  local encoding = os.getenv("ENCODING")
  requests = common.requests(os.getenv("PATHS"), encoding and { ["accept-encoding"] = encoding } or {})
  sums = os.getenv("ZIPF") == "1" and common.zipf(#requests) or nil
end

function request()
  if sums then return requests[common.pick(sums, math.random())] end
  return requests[math.random(#requests)]
end

local think = tonumber(os.getenv("THINK_MS") or "")
if think then
  function delay() return math.random(0, 2 * think) end
end

done = common.report
