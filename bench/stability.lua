-- The soak test's load: of ten requests nine are for products, by Zipf's law, and one is for a page
-- or list. `cargo xtask bench --soak 3600` runs it in windows and charts the server's resources.
--   PATHS=products.txt PAGES=pages.txt wrk -t2 -c64 -d3600s --latency -s bench/stability.lua http://127.0.0.1:3000

local common = dofile((debug.getinfo(1, "S").source:match("@(.*/)") or "./") .. "common.lua")
local threads = 0

function setup(thread)
  thread:set("seed", 42 + threads)
  threads = threads + 1
end

function init()
  math.randomseed(seed)
  products = common.requests(os.getenv("PATHS"), {})
  pages = common.requests(os.getenv("PAGES"), { ["accept-encoding"] = "br" })
  sums, count = common.zipf(#products), 0
end

function request()
  count = count + 1
  if count % 10 == 0 then return pages[math.random(#pages)] end
  return products[common.pick(sums, math.random())]
end

done = common.report
