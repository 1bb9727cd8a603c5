import type Stripe from 'stripe';
import type { TestServer } from '../../support/server.ts';

interface LoggedRequest {
  id: string;
  method: string;
  path: string;
  requestBody: string;
}

/** The request log of Stripe's side, which keeps the last thousand: looked at often enough, nothing of it is missed. */
export interface RequestWatch {
  look: () => Promise<void>;
  /** Looks for the first time in a while: what was called in between does not matter. */
  lookAgain: () => Promise<void>;
  /** Calls of the server, not of the SDK that the test uses. */
  ofServer: () => LoggedRequest[];
  idsIn: (request: LoggedRequest) => string[];
}

/** Of the log, so many are given. */
const KEPT = 1_000;

export function watchRequests(server: TestServer): RequestWatch {
  const byTest = new Set<string>();
  const seen = new Map<string, LoggedRequest>();
  server.stripe.on('response', (response: Stripe.ResponseEvent) => byTest.add(response.request_id));

  async function read(mayMiss: boolean): Promise<void> {
    const response = await fetch(`${server.emulator.url}/_emulator/requests`, {
      headers: { authorization: `Bearer ${server.env['STRIPE_SECRET_KEY']}` },
    });
    const { data } = (await response.json()) as { data: LoggedRequest[] };
    const isGap = data.length >= KEPT && !data.some(({ id }) => seen.has(id));
    if (isGap && !mayMiss) throw new Error('Calls were missed: look more often');
    for (const { id, method, path, requestBody } of data) {
      seen.set(id, { id, method, path, requestBody });
    }
  }

  return {
    look: () => read(false),
    lookAgain: () => read(true),
    ofServer: () => [...seen.values()].filter(({ id }) => !byTest.has(id)),
    idsIn: ({ path, requestBody }) =>
      `${path} ${decodeURIComponent(requestBody ?? '')}`.match(/\b[a-z_]+_\w+/g) ?? [],
  };
}
