import { sleep } from './limit.ts';
import { StripeOutage } from './stripe-outage.ts';

/** How long a job goes on waiting for a Stripe that cannot be asked, in ms. */
const TIMEOUT_MS = 10 * 60_000;

/**
 * Makes a call again whenever Stripe can be asked again: a job of an hour must not end because of one 429. Throws the
 * outage once it has lasted for ten minutes, and any other error at once.
 */
export async function retryThroughOutages<T>(task: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + TIMEOUT_MS;
  for (;;) {
    try {
      return await task();
    } catch (error) {
      if (!(error instanceof StripeOutage) || error.retryAt > deadline) throw error;
      await sleep(Math.max(error.retryAt - Date.now(), 10));
    }
  }
}
