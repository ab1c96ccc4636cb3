// A client of the shop's public API, which is all that these scripts use.

import { request } from 'node:http';
import { json } from 'node:stream/consumers';

const content = { 'content-type': 'application/json' };

/** A shop at an address. `token` is the operators'. */
export class Shop {
  constructor(url, token) {
    this.url = url;
    this.token = token;
  }

  /** Asks with `node:http`: `fetch` takes three times as long, of a processor that the shop wants, too. */
  async ask(method, path, body, headers = {}) {
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
    return this.ask(method, `/api/v1/operator${path}`, body, headers);
  }

  /** Skus of things that can be had. */
  async skus(count) {
    const skus = [];
    let cursor;
    while (skus.length < count) {
      const query = new URLSearchParams({ limit: '100', availability: 'in_stock' });
      if (cursor) query.set('cursor', cursor);
      const page = await this.ask('GET', `/api/v1/products?${query}`);
      for (const card of page.items) {
        const product = await this.ask('GET', `/api/v1/products/${card.id}`);
        skus.push(...product.variants.filter((it) => it.availability !== 'out').map((it) => it.sku));
      }
      cursor = page.next;
      if (!cursor) break;
    }
    return skus.slice(0, count);
  }

  /** A cart with one of a sku that needs nothing more to be ordered. */
  async readyCart(sku, email) {
    const { id } = await this.ask('POST', '/api/v1/carts', {});
    await this.ask('POST', `/api/v1/carts/${id}/lines`, { sku, quantity: 1 });
    return this.ask('PATCH', `/api/v1/carts/${id}`, {
      email,
      shipping_method: 'standard',
      shipping_address: { name: 'Ada', line1: '1 Lane', city: 'Berlin', postcode: '10115', country: 'DE' },
    });
  }

  async order(cart, method) {
    const order = { expected_total: cart.totals.total, payment_method: method };
    const headers = { 'idempotency-key': crypto.randomUUID() };
    return this.ask('POST', `/api/v1/carts/${cart.id}/order`, order, headers);
  }
}
