// How long after a change the edge shows it: node bench/purge.mjs EDGE OPERATOR_TOKEN ROUNDS
// The stock of one thing runs out and comes back; the clock runs from the answer that says so to the
// first answer of the edge that shows it.

import assert from 'node:assert/strict';
import { performance } from 'node:perf_hooks';
import { Shop } from './shop.mjs';

const [edge, token, rounds] = process.argv.slice(2);
const shop = new Shop(edge, token);
const LOOK_EVERY_MS = 2;
const GIVE_UP_MS = 10_000;
const PLENTY = 100;

const list = await shop.ask('GET', '/api/v1/products?limit=100');
const slug = list.items.find((it) => it.availability === 'in_stock').slug;
const product = await shop.ask('GET', `/api/v1/products/${slug}`);
const sku = product.variants.find((it) => it.availability === 'in_stock').sku;

async function shown() {
  const product = await shop.ask('GET', `/api/v1/products/${slug}`);
  return product.variants.find((it) => it.sku === sku).availability;
}

const change = (onHand) => shop.operate('POST', '/stock', { changes: [{ sku, on_hand: onHand }] });

await change(PLENTY);
const waits = [];
for (let round = 0; round < Number(rounds); round += 1) {
  const before = await shown();
  await change(round % 2 ? PLENTY : 0);
  const changed = performance.now();
  while ((await shown()) === before) {
    assert(performance.now() - changed < GIVE_UP_MS, 'the edge does not show the change');
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
  waits.push(performance.now() - changed);
}
waits.sort((one, other) => one - other);
const at = (part) => waits[Math.min(waits.length - 1, Math.floor(waits.length * part))].toFixed(0);
console.log(`a change is shown by the edge after: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, at most ${at(1)} ms`);
