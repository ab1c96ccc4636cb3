// Writes paths of products by id, spread evenly over those of `origin seed --products PRODUCTS`:
// node bench/catalogue.mjs URL TOKEN PRODUCTS COUNT FILE

import { writeFileSync } from 'node:fs';
import { Shop } from './shop.mjs';

const [url, token, products, count, file] = process.argv.slice(2);
const shop = new Shop(url, token);
const paths = new Array(Math.min(Number(products), Number(count)));
const apart = Math.floor(Number(products) / paths.length);
let next = 0;
async function work() {
  while (next < paths.length) {
    const at = next++;
    const { id } = await shop.send('GET', `/api/v1/products/bulk-${at * apart}`);
    paths[at] = `/api/v1/products/${id}`;
  }
}
await Promise.all(Array.from({ length: 16 }, work));
writeFileSync(file, `${paths.join('\n')}\n`);
