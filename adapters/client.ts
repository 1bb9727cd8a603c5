import createClient, { type Client } from 'openapi-fetch';
import type { paths } from './client/api.ts';

export type { components, paths, webhooks } from './client/api.ts';
export {
  verifyWebhook,
  WebhookVerificationError,
  type OutgoingEvent,
  type OutgoingEventType,
  type WebhookHeaders,
} from './client/verify-webhook.ts';

/** The HTTP API, typed: `client.POST('/api/billing/checkout', {body: {…}})` gives `{data, error, response}`. */
export type TenureClient = Client<paths>;

export interface ClientOptions {
  /** Where the server is, e.g. `https://billing.example.com`. */
  baseUrl: string;
  /** The bearer token, or what gives one for each request: a user's, or the admin token. */
  token?: string | (() => string | Promise<string>);
  /** Another `fetch`, e.g. one with time-outs of its own. */
  fetch?: (request: Request) => Promise<Response>;
}

/** A client for the API of a Tenure server. It does not throw on refusals: `error` says what was refused. */
export function createTenureClient(options: ClientOptions): TenureClient {
  const { baseUrl, token, fetch } = options;
  const client = createClient<paths>({ baseUrl, fetch });
  if (token === undefined) return client;
  client.use({
    onRequest: async ({ request }) => {
      const value = typeof token === 'function' ? await token() : token;
      request.headers.set('authorization', `Bearer ${value}`);
      return request;
    },
  });
  return client;
}
