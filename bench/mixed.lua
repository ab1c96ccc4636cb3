-- The mix of a shop that sells: of a hundred, 70 look at a product, 20 change a cart, 5 order, 5 are a
-- warehouse. It needs carts, which `prepare.mjs` makes:
--   node bench/prepare.mjs http://127.0.0.1:3000 TOKEN 16000 200 carts.txt
--   CARTS=carts.txt TOKEN=… wrk -t2 -c40 -d10s --latency -s bench/mixed.lua http://127.0.0.1:3000

LOAD = "mix"
dofile((debug.getinfo(1, "S").source:match("@(.*/)") or "./") .. "load.lua")
