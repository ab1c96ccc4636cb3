// Buys as a guest with each payment method: node bench/buy.mjs http://127.0.0.1:3000 OPERATOR_TOKEN

import assert from 'node:assert/strict';
import { Shop } from './shop.mjs';

const shop = new Shop(process.argv[2], process.argv[3]);
const [sku] = await shop.skus(1);

async function pay(order, body) {
  const headers = { 'idempotency-key': crypto.randomUUID() };
  return shop.send('POST', `/api/v1/orders/${order.number}/payments?token=${order.token}`, body, headers);
}

const ways = {
  async manual(order) {
    await shop.operate('POST', `/orders/${order.number}/steps`, { state: 'paid' });
  },
  async test(order) {
    const declined = await pay(order, { card: 'declined' });
    assert.equal(declined.state, 'failed');
    const asked = await pay(order, { card: 'confirm' });
    const path = `/api/v1/orders/${order.number}/payments/${asked.id}/confirm?token=${order.token}`;
    assert.equal((await shop.send('POST', path)).state, 'captured');
  },
  // The account is the stand-in of `stripe.mjs`.
  async stripe(order) {
    const paid = await pay(order, { payment_method: 'pm_card_visa' });
    assert.equal(paid.state, 'captured');
  },
};

for (const [method, settle] of Object.entries(ways)) {
  const cart = await shop.readyCart(sku, 'ada@example.org');
  const order = await shop.order(cart, method);
  await settle(order);
  const found = await shop.send('GET', `/api/v1/orders/${order.number}?token=${order.token}`);
  assert.equal(found.state, 'paid');
  assert.deepEqual(found.paid, found.totals.total);
  console.log(`${method.padEnd(7)} ${order.number}  ${found.totals.total.minor / 100} ${found.totals.total.currency}  ${found.state}`);
}
