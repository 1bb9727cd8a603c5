import { Stripe } from 'stripe';
import { until } from './until.ts';

const DAY_SECONDS = 86_400;
/** For a year of a thousand subscriptions on a slow machine. */
const TIMEOUT_MS = 600_000;

/**
 * Moves a test clock on to a time in seconds, and waits until its work is done. Stripe lets it leap two intervals of the
 * shortest subscription at most, so a longer way is gone in steps.
 */
export async function advanceClock(stripe: Stripe, clockId: string, target: number): Promise<void> {
  const clocks = stripe.testHelpers.testClocks;
  let { frozen_time: at } = await clocks.retrieve(clockId);
  let step = target - at;
  do {
    const next = Math.min(target, at + step);
    try {
      await clocks.advance(clockId, { frozen_time: next });
    } catch (error) {
      const isTooFar = error instanceof Stripe.errors.StripeInvalidRequestError;
      if (!isTooFar || step <= DAY_SECONDS) throw error;
      step = Math.max(DAY_SECONDS, Math.floor(step / 2));
      continue;
    }
    at = next;
    await until(
      async () => (await clocks.retrieve(clockId)).status === 'ready',
      () => `The test clock is still advancing after ${TIMEOUT_MS / 1000} s.`,
      TIMEOUT_MS,
    );
  } while (at < target);
}

/** The same by days; resolves with the clock's time. */
export async function advanceDays(stripe: Stripe, clockId: string, days: number): Promise<Date> {
  const { frozen_time: now } = await stripe.testHelpers.testClocks.retrieve(clockId);
  const target = now + Math.round(days * DAY_SECONDS);
  await advanceClock(stripe, clockId, target);
  return new Date(target * 1000);
}
