import { AsyncLocalStorage } from 'node:async_hooks';
import { Agent } from 'node:http';
import { Agent as SecureAgent } from 'node:https';
import { Stripe } from 'stripe';

export interface GatewayOptions {
  secretKey: string;
  /** Another host for the SDK, e.g. `http://127.0.0.1:12111`; null is Stripe itself. */
  apiBase?: string | null;
  /** Retries of one call inside the SDK; commands of people keep it low. */
  maxNetworkRetries?: number;
  /** Milliseconds before one attempt is given up. */
  timeout?: number;
  /** The mark of every object that is made, beside its `user_id`; none unless given. */
  ownerMark?: OwnerMark;
  /** Told of each attempt of a call, for counting. */
  onCall?: (call: StripeCall) => void;
}

/** What is written on an object that is made for an account. */
export type OwnerMetadata = (accountId: string) => Record<string, string>;

/** The same under keys of our own alone; of no account with null. */
export type OwnerMark = (accountId: string | null) => Record<string, string>;

/** One attempt of a call to Stripe. */
export interface StripeCall {
  method: string;
  /** The path with ids taken out, e.g. `/v1/subscriptions/:id`. */
  resource: string;
  /** HTTP status; null when no answer came. */
  status: number | null;
  seconds: number;
  /** Stripe's clock when it answered, in ms; null where it was not told. */
  date: number | null;
}

/** How long a caller waits for Stripe, all attempts of a call together, in ms; one attempt ends with it. */
const CALL_MS = 25_000;
/** One attempt of a read: it is made again at once, on a new connection. */
const READ_MS = 10_000;
const deadlines = new AsyncLocalStorage<number>();

/** Runs a call of the SDK, whose attempts share a deadline: else three that time out take a minute. */
export function withDeadline<T>(operation: () => Promise<T>): Promise<T> {
  return deadlines.run(performance.now() + CALL_MS, operation);
}

/** The API version that every call and every webhook endpoint is pinned to. */
export const API_VERSION = Stripe.API_VERSION;

/** An SDK client with its version pinned, telemetry off and, if asked, another host. */
export function createStripeClient(options: GatewayOptions): Stripe {
  return new Stripe(options.secretKey, {
    apiVersion: Stripe.API_VERSION,
    maxNetworkRetries: options.maxNetworkRetries ?? 2,
    timeout: options.timeout ?? 20_000,
    telemetry: false,
    // Stripe's support sees whose calls they are.
    appInfo: { name: 'tenure' },
    httpClient: observedClient(
      options.apiBase?.startsWith('http:') === true,
      options.onCall ?? (() => undefined),
    ),
    ...(options.apiBase ? hostOf(options.apiBase) : {}),
  });
}

function hostOf(apiBase: string): Pick<Stripe.StripeConfig, 'host' | 'port' | 'protocol'> {
  const url = new URL(apiBase);
  const protocol = url.protocol === 'http:' ? 'http' : 'https';
  return { host: url.hostname, port: url.port || (protocol === 'http' ? 80 : 443), protocol };
}

/** The SDK's own HTTP client; its `response` events leave out the attempts that it retries. */
function observedClient(isPlain: boolean, onCall: (call: StripeCall) => void): Stripe.HttpClient {
  const agent = new (isPlain ? Agent : SecureAgent)({ keepAlive: true });
  const client = Stripe.createNodeHttpClient(agent);
  const send = client.makeRequest.bind(client);
  client.makeRequest = async (...request: Parameters<typeof send>) => {
    const [, , path, method] = request;
    const deadline = deadlines.getStore() ?? Infinity;
    const most = method === 'GET' ? Math.min(request[7], READ_MS) : request[7];
    request[7] = Math.max(1, Math.min(most, Math.round(deadline - performance.now())));
    const started = performance.now();
    const told = (status: number | null, date: number | null) =>
      onCall({
        method,
        resource: resourceOf(path),
        status,
        date,
        seconds: (performance.now() - started) / 1000,
      });
    try {
      const response = await send(...request);
      told(response.getStatusCode(), dateOf(response.getHeaders()));
      return response;
    } catch (error) {
      told(null, null);
      dropIdle(agent);
      throw error;
    }
  };
  return client;
}

/** Where one connection has gone silent, those that wait beside it have too; the next attempt makes a new one. */
function dropIdle({ freeSockets }: Agent): void {
  for (const sockets of Object.values(freeSockets)) {
    for (const socket of sockets ?? []) socket.destroy();
  }
}

function dateOf(headers: Record<string, unknown>): number | null {
  const { date } = headers;
  const time = typeof date === 'string' ? Date.parse(date) : NaN;
  return Number.isNaN(time) ? null : time;
}

/** Names of resources are small letters; everything else between slashes is an id. */
function resourceOf(path: string): string {
  const [plain = ''] = path.split('?');
  return plain.replaceAll(/[^/]+/g, (part) => (/^(v\d|[a-z_]+)$/.test(part) ? part : ':id'));
}

/** A decimal number as the SDK wants it, from its text. */
export function stripeDecimal(text: string): Stripe.Decimal {
  return Stripe.Decimal.from(text);
}
