import type { Config } from './config.ts';

const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', 'localhost', '::1', '[::1]']);

export const isLoopback = (host: string): boolean => LOOPBACK.has(host);

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
