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

/** What becomes of a delivery: taken; refused, and not looked at; or taken, and the answer is lost. */
export type Fate = 'taken' | 'refused' | 'answer_lost';

export interface WebhookReceiver {
  url: string;
  /** In the order in which they came. */
  changes: ToldChange[];
  /** Asked at each delivery of a change. */
  fate: () => Fate;
  close: () => Promise<void>;
}

/** The team's own system: keeps what it is told of subscriptions. */
export async function startWebhookReceiver(): Promise<WebhookReceiver> {
  const changes: ToldChange[] = [];
  const receiver: WebhookReceiver = {
    url: '',
    changes,
    fate: () => 'taken',
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
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
      const fate = type === 'subscription.changed' ? receiver.fate() : 'taken';
      if (type === 'subscription.changed' && fate !== 'refused') {
        changes.push({ ...data, id, timestamp });
      }
      if (fate === 'answer_lost') request.socket.destroy();
      else response.writeHead(fate === 'refused' ? 503 : 204).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  receiver.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  return receiver;
}
