// A client of the shop's public API.

import { request } from 'node:http';
import { json } from 'node:stream/consumers';

const content = { 'content-type': 'application/json' };

/** A shop at a URL. `token` is the operator token. */
export class Shop {
  constructor(url, token) {
    this.url = url;
    this.token = token;
  }

  /** Sends a request with `node:http`. `fetch` takes three times the CPU time, which the shop needs, too. */
  async send(method, path, body, headers = {}) {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const options = { method, headers: { ...(text === undefined ? {} : content), ...headers } };
    const response = await new Promise((resolve, reject) => {
      request(this.url + path, options, resolve).on('error', reject).end(text);
    });
    const answer = await json(response);
    if (response.statusCode >= 300) {
      throw new Error(`${method} ${path}: ${response.statusCode} ${JSON.stringify(answer)}`);
    }
    return answer;
  }

  operate(method, path, body) {
    const headers = { authorization: `Bearer ${this.token}`, 'idempotency-key': crypto.randomUUID() };
    return this.send(method, `/api/v1/operator${path}`, body, headers);
  }

  /** The SKUs of variants that can be bought. */
  async skus(count) {
    const skus = [];
    let cursor;
    while (skus.length < count) {
      const query = new URLSearchParams({ limit: '100', availability: 'in_stock' });
      if (cursor) query.set('cursor', cursor);
      const page = await this.send('GET', `/api/v1/products?${query}`);
      for (const card of page.items) {
        const product = await this.send('GET', `/api/v1/products/${card.id}`);
        skus.push(...product.variants.filter((it) => it.availability !== 'out').map((it) => it.sku));
      }
      cursor = page.next;
      if (!cursor) break;
    }
    return skus.slice(0, count);
  }

  /** Creates a cart with one unit of a SKU that is ready to be ordered. */
  async readyCart(sku, email) {
    const { id } = await this.send('POST', '/api/v1/carts', {});
    await this.send('POST', `/api/v1/carts/${id}/lines`, { sku, quantity: 1 });
    return this.send('PATCH', `/api/v1/carts/${id}`, {
      email,
      shipping_method: 'standard',
      shipping_address: { name: 'Ada', line1: '1 Lane', city: 'Berlin', postcode: '10115', country: 'DE' },
    });
  }

  async order(cart, method) {
    const order = { expected_total: cart.totals.total, payment_method: method };
    const headers = { 'idempotency-key': crypto.randomUUID() };
    return this.send('POST', `/api/v1/carts/${cart.id}/order`, order, headers);
  }
}
