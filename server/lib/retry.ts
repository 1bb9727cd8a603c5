import { sleep } from './limit.ts';
import { StillBusy } from './lock-timeout.ts';
import { StripeOutage } from './stripe-outage.ts';

/** How long a job goes on waiting for a Stripe that cannot be asked, in ms. */
const TIMEOUT_MS = 10 * 60_000;

const BUSY_PAUSE_MS = 500;

/**
 * Makes a call again whenever Stripe can be asked again, or other work of the customer is over: a job of an hour must not end
 * because of one 429 or one webhook. Throws what has lasted for ten minutes, and any other error at once.
 */
export async function retryThroughOutages<T>(task: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + TIMEOUT_MS;
  for (;;) {
    try {
      return await task();
    } catch (error) {
      const isBusy = error instanceof StillBusy;
      if (!isBusy && !(error instanceof StripeOutage)) throw error;
      const again = isBusy ? Date.now() + BUSY_PAUSE_MS : error.retryAt;
      if (again > deadline) throw error;
      await sleep(Math.max(again - Date.now(), 10));
    }
  }
}
