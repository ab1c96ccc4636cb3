-- The loads of wrk, by name:
--   LOAD=place CARTS=carts.txt TOKEN=… wrk -t2 -c20 -d5s -s bench/load.lua http://127.0.0.1:3000
-- Each thread has carts of its own.

local threads = {}

function setup(thread)
  thread:set("number", #threads)
  table.insert(threads, thread)
end

local json = { ["content-type"] = "application/json" }
local operator = { ["content-type"] = "application/json", ["authorization"] = "Bearer " .. (os.getenv("TOKEN") or "") }

local function order(cart)
  local body = string.format('{"expected_total":{"minor":%s,"currency":"USD"},"payment_method":"manual"}', cart.total)
  return wrk.format("POST", "/api/v1/carts/" .. cart.id .. "/order", json, body)
end

local function set_quantity(cart, count)
  local path = "/api/v1/carts/" .. cart.id .. "/lines/" .. cart.sku
  return wrk.format("PUT", path, json, string.format('{"quantity":%d}', 1 + count % 5))
end

local function deduct(cart)
  local body = string.format('{"changes":[{"sku":"%s","delta":-1}]}', cart.sku)
  return wrk.format("POST", "/api/v1/operator/stock", operator, body)
end

local function product(cart)
  return wrk.format("GET", "/api/v1/products/" .. cart.slug)
end

-- Each order needs its own cart; the load ends when none is left.
local function next_order()
  used = used + 1
  local cart = carts[used]
  if not cart then
    wrk.thread:stop()
    cart = carts[#carts]
  end
  return order(cart)
end

local loads = {
  reference = function() return wrk.format("GET", "/healthz") end,
  place = next_order,
  cart = function(count) return set_quantity(carts[count % #carts + 1], count) end,
  stock = function(count) return deduct(carts[count % #carts + 1]) end,
  -- Of a hundred: 70 look at a product, 20 change a cart, 5 order, 5 are a warehouse.
  mix = function(count)
    local part = (count * 37) % 100
    local other = carts[#carts - count % math.floor(#carts / 2)]
    if part < 70 then return product(other) end
    if part < 90 then return set_quantity(other, count) end
    if part < 95 and used < #carts / 2 then return next_order() end
    return deduct(other)
  end,
}

function init()
  carts, used, count, errors = {}, 0, 0, 0
  local line_number = 0
  for line in io.lines(os.getenv("CARTS") or "/dev/null") do
    if line_number % 2 == number then
      local id, total, sku, slug = line:match("(%S+) (%S+) (%S+) (%S+)")
      table.insert(carts, { id = id, total = total, sku = sku, slug = slug })
    end
    line_number = line_number + 1
  end
  load = loads[LOAD or os.getenv("LOAD")]
end

function request()
  count = count + 1
  return load(count)
end

function response(status)
  if status >= 400 then errors = errors + 1 end
end

function done(summary, latency)
  local e = summary.errors
  local unanswered = e.connect + e.read + e.write + e.timeout
  local errors = unanswered
  for _, thread in ipairs(threads) do
    errors = errors + thread:get("errors")
  end
  local rate = summary.requests / (summary.duration / 1000000)
  io.write(string.format("RESULT %.0f %d", rate, errors))
  for _, part in ipairs({ 50, 95, 99, 99.9 }) do
    io.write(string.format(" %.2f", latency:percentile(part) / 1000))
  end
  io.write(" ", summary.requests, " ", errors - unanswered, "\n")
end
