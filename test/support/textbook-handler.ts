import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { Stripe } from 'stripe';

export interface TextbookOptions {
  apiBase: string;
  secretKey: string;
  secret: string;
  /** Stores what the event says, or what Stripe answers when the handler asks for the subscription. */
  stores: 'event' | 'subscription';
}

export interface TextbookHandler {
  forwardTo: string;
  ask: string;
  close: () => void;
}

/** A webhook handler as guides show it: verify, drop what was seen, store the status under the customer, answer. */
export async function startTextbookHandler(options: TextbookOptions): Promise<TextbookHandler> {
  const { hostname: host, port } = new URL(options.apiBase);
  const stripe = new Stripe(options.secretKey, { host, port, protocol: 'http', telemetry: false });
  const seen = new Set<string>();
  const statusOf = new Map<string, string>();

  const handle = async (event: Stripe.Event): Promise<void> => {
    if (seen.has(event.id)) return;
    seen.add(event.id);
    const { object } = event.data;
    if (object.object !== 'subscription') return;
    const stored =
      options.stores === 'event' ? object : await stripe.subscriptions.retrieve(object.id);
    const { customer, status } = stored;
    statusOf.set(typeof customer === 'string' ? customer : customer.id, status);
  };

  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const answer = async (): Promise<[number, unknown]> => {
      if (request.method === 'GET') {
        const status = statusOf.get(url.searchParams.get('customer') ?? '');
        return [200, { active: status === 'active' || status === 'trialing' }];
      }
      const body = await buffer(request);
      const signature = String(request.headers['stripe-signature']);
      const event = stripe.webhooks.constructEvent(body, signature, options.secret);
      await handle(event);
      return [200, { received: true }];
    };
    void answer()
      .catch((): [number, unknown] => [400, {}])
      .then(([status, body]) => response.writeHead(status).end(JSON.stringify(body)));
  });
  const url = await listening(server);
  return {
    forwardTo: `${url}/webhook`,
    ask: `${url}/active?customer={customer}`,
    close: () => server.close(),
  };
}

export function listening(server: Server): Promise<string> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    });
  });
}
