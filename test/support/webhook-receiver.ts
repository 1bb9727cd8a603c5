import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An outgoing `subscription.changed`, as far as its order matters. */
export interface ToldChange {
  /** `webhook-id`: the same in each attempt. */
  id: string;
  subscriptionId: string;
  number: number;
  from: string;
  to: string;
  late: boolean;
  confirmed: boolean;
  timestamp: string;
}

export interface WebhookReceiver {
  url: string;
  /** In the order in which they came. */
  changes: ToldChange[];
  close: () => Promise<void>;
}

/** The team's own system: keeps what it is told of subscriptions. */
export async function startWebhookReceiver(): Promise<WebhookReceiver> {
  const changes: ToldChange[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { type, timestamp, data } = JSON.parse(Buffer.concat(chunks).toString()) as {
        type: string;
        timestamp: string;
        data: ToldChange;
      };
      const id = String(request.headers['webhook-id']);
      if (type === 'subscription.changed') changes.push({ ...data, id, timestamp });
      response.writeHead(204).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    changes,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
