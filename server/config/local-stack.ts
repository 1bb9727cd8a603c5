import type { Config } from './config.ts';
import { isLoopback } from './loopback.ts';

/** What `npm start` brings without a key: made-up customers, reached from this machine alone. */
export function isLocalStack({ stripe, storefront, http }: Config): boolean {
  return (
    !stripe.live &&
    stripe.apiBase !== null &&
    storefront &&
    isLoopback(http.host) &&
    isLoopback(new URL(http.appUrl).hostname)
  );
}
