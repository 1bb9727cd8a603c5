import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { Stripe } from 'stripe';

/** One request that a webhook endpoint received. */
export interface Received {
  body: string;
  signature: string;
  type: string;
  id: string;
}

/** A webhook endpoint that keeps what it gets. */
export interface WebhookSink {
  url: string;
  received: Received[];
  /** What to answer from now on; default 200. */
  answer: (status: number) => void;
  /** Resolves with the requests so far once there are `count` that match. */
  waitFor: (count: number, match?: (each: Received) => boolean) => Promise<Received[]>;
  close: () => Promise<void>;
}

export async function webhookSink(): Promise<WebhookSink> {
  const received: Received[] = [];
  const wake = new Set<() => void>();
  let status = 200;
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8');
      const event: { type: string; id: string } = JSON.parse(body);
      received.push({
        body,
        signature: String(request.headers['stripe-signature']),
        type: event.type,
        id: event.id,
      });
      response.writeHead(status).end('{"received":true}');
      for (const check of wake) check();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}/hook`,
    received,
    answer: (next) => (status = next),
    waitFor: (count, match = () => true) =>
      new Promise((resolve, reject) => {
        const check = () => {
          const found = received.filter(match);
          if (found.length < count) return;
          clearTimeout(timer);
          wake.delete(check);
          resolve(found);
        };
        const timer = setTimeout(() => {
          wake.delete(check);
          reject(
            new Error(`waited for ${count}, got ${received.map(({ type }) => type).join(', ')}`),
          );
        }, 15_000);
        wake.add(check);
        check();
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const verifier = new Stripe('sk_test_verifier');

/** The event in a request, verified as an application does it; throws on a bad signature. */
export function verified(received: Received, secret: string): Stripe.Event {
  return verifier.webhooks.constructEvent(received.body, received.signature, secret);
}
