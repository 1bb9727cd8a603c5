import { Stripe } from 'stripe';

export interface GatewayOptions {
  secretKey: string;
  /** Another host for the SDK, e.g. `http://127.0.0.1:12111`; null is Stripe itself. */
  apiBase?: string | null;
  /** Retries of one call inside the SDK; commands of people keep it low. */
  maxNetworkRetries?: number;
  /** Milliseconds before one attempt is given up. */
  timeout?: number;
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
    ...(options.apiBase ? hostOf(options.apiBase) : {}),
  });
}

function hostOf(apiBase: string): Pick<Stripe.StripeConfig, 'host' | 'port' | 'protocol'> {
  const url = new URL(apiBase);
  const protocol = url.protocol === 'http:' ? 'http' : 'https';
  return { host: url.hostname, port: url.port || (protocol === 'http' ? 80 : 443), protocol };
}
