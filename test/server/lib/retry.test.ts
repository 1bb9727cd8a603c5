import { afterEach, describe, expect, it, vi } from 'vitest';
import { StillBusy } from '../../../server/lib/lock-timeout.ts';
import { retryThroughOutages } from '../../../server/lib/retry.ts';
import { StripeOutage } from '../../../server/lib/stripe-outage.ts';

afterEach(() => vi.useRealTimers());

/** Fails with the errors, one after the other, and then answers. */
function failing(errors: Error[]): () => Promise<string> {
  const left = [...errors];
  return async () => {
    const error = left.shift();
    if (error) throw error;
    return 'done';
  };
}

describe('A job that asks Stripe for many', () => {
  it('goes on after an outage, and after other work of a customer', async () => {
    const outage = new StripeOutage('429', Date.now() + 5);
    const task = failing([outage, new StillBusy('busy'), new StillBusy('busy')]);
    expect(await retryThroughOutages(task)).toBe('done');
  });

  it('ends at once with any other error, and with work that is not over after ten minutes', async () => {
    await expect(retryThroughOutages(failing([new Error('wrong')]))).rejects.toThrow('wrong');
    vi.useFakeTimers();
    const always = retryThroughOutages(() => Promise.reject(new StillBusy('still busy')));
    const refused = expect(always).rejects.toThrow('still busy');
    await vi.advanceTimersByTimeAsync(10 * 60_000);
    await refused;
  });
});
