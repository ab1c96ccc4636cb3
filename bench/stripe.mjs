// A stand-in for Stripe on loopback, for `buy.mjs`: every payment succeeds. node bench/stripe.mjs PORT

import { createServer } from 'node:http';

const answers = new Map();

const server = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const fields = new URLSearchParams(Buffer.concat(chunks).toString());
  const key = request.headers['idempotency-key'];
  if (request.method === 'POST' && request.url === '/v1/payment_intents' && !answers.has(key)) {
    answers.set(key, {
      id: `pi_${answers.size + 1}`,
      object: 'payment_intent',
      status: fields.get('confirm') === 'true' ? 'succeeded' : 'requires_payment_method',
      amount: Number(fields.get('amount')),
      currency: fields.get('currency'),
      metadata: { payment: fields.get('metadata[payment]') },
    });
  }
  const answer = answers.get(key);
  response.writeHead(answer ? 200 : 404, { 'content-type': 'application/json' });
  response.end(JSON.stringify(answer ?? { error: { type: 'invalid_request_error' } }));
});

server.listen(Number(process.argv[2]), '127.0.0.1');
