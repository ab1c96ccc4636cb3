-- A typical mix: of 100 requests 70 read a product, 20 change a cart, 5 place an order and 5 change
-- stock. It needs carts, which `prepare.mjs` creates:
--   node bench/prepare.mjs http://127.0.0.1:3000 TOKEN 16000 200 carts.txt
--   CARTS=carts.txt TOKEN=… wrk -t2 -c40 -d10s --latency -s bench/mixed.lua http://127.0.0.1:3000

LOAD = "mix"
dofile((debug.getinfo(1, "S").source:match("@(.*/)") or "./") .. "load.lua")
