import { AsyncLocalStorage } from 'node:async_hooks';

const counters = new AsyncLocalStorage<() => void>();

/** Runs a request whose calls to Stripe are counted by `count`. */
export function countStripeCalls<T>(count: () => void, task: () => Promise<T>): Promise<T> {
  return counters.run(count, task);
}

/** A call was made, for whichever request this is. */
export function noteStripeCall(): void {
  counters.getStore()?.();
}
