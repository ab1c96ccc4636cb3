// Creates carts that are ready to be ordered, one a line with its total, and stocks their items:
// node bench/prepare.mjs URL OPERATOR_TOKEN CARTS SKUS FILE

import { writeFileSync } from 'node:fs';
import { Shop } from './shop.mjs';

const [url, token, carts, kinds, file] = process.argv.slice(2);
const shop = new Shop(url, token);
const skus = await shop.skus(Number(kinds));
const changes = skus.map((sku) => ({ sku, on_hand: 100_000_000 }));
await shop.operate('POST', '/stock', { changes });

const lines = new Array(Number(carts));
let next = 0;
async function work() {
  while (next < lines.length) {
    const at = next++;
    const sku = skus[at % skus.length];
    const cart = await shop.readyCart(sku, `guest${at}@example.org`);
    lines[at] = `${cart.id} ${cart.totals.total.minor} ${sku} ${cart.lines[0].slug}`;
  }
}
await Promise.all(Array.from({ length: 24 }, work));
writeFileSync(file, `${lines.join('\n')}\n`);
