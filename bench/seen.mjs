// Measures after what time a change made through one address is visible at another one, as
// `p50 …, p99 …, at most …`:
// node bench/seen.mjs CHANGED SHOWN OPERATOR_TOKEN ROUNDS
// The stock of a variant runs out and is restored; the time is from the response to that change to
// the first response that shows it.

import assert from 'node:assert/strict';
import { performance } from 'node:perf_hooks';
import { Shop } from './shop.mjs';

const [changed, shown, token, rounds] = process.argv.slice(2);
const shop = new Shop(shown, token);
const writer = new Shop(changed, token);
const LOOK_EVERY_MS = 2;
const GIVE_UP_MS = 10_000;
const PLENTY = 100;

const list = await shop.send('GET', '/api/v1/products?limit=100');
const slug = list.items.find((it) => it.availability === 'in_stock').slug;
const product = await shop.send('GET', `/api/v1/products/${slug}`);
const sku = product.variants.find((it) => it.availability === 'in_stock').sku;

async function look() {
  const product = await shop.send('GET', `/api/v1/products/${slug}`);
  return product.variants.find((it) => it.sku === sku).availability;
}

const change = (onHand) => writer.operate('POST', '/stock', { changes: [{ sku, on_hand: onHand }] });

await change(PLENTY);
while ((await look()) !== 'in_stock') await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
const waits = [];
for (let round = 0; round < Number(rounds); round += 1) {
  const before = await look();
  await change(round % 2 ? PLENTY : 0);
  const done = performance.now();
  while ((await look()) === before) {
    assert(performance.now() - done < GIVE_UP_MS, 'the change is not shown');
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
  waits.push(performance.now() - done);
}
waits.sort((one, other) => one - other);
const at = (part) => waits[Math.min(waits.length - 1, Math.floor(waits.length * part))].toFixed(0);
console.log(`p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, at most ${at(1)} ms`);
