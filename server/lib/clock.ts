import type { StripeGateway } from '../../adapters/stripe-gateway.ts';
import type { Logger } from './log.ts';
import type { BusinessClock } from './engine-types.ts';

const REFRESH_EVERY = 1_000;

export interface RefreshingClock extends BusinessClock {
  /** Asks Stripe for the test clock's time; does nothing in real time. */
  refresh(): Promise<void>;
  stop(): void;
}

/** Real time. Leases, retries and signatures always use it; only billing may have another "now". */
export const realClock: RefreshingClock = {
  now: () => Date.now(),
  refresh: () => Promise.resolve(),
  stop: () => undefined,
};

/**
 * "Now" is the frozen time of a Stripe test clock, as last read. It is read again once a second while
 * it is asked for, and when Stripe says that the clock moved.
 */
export function createTestClock(
  stripe: Pick<StripeGateway, 'retrieveTestClock'>,
  clockId: string,
  log: Logger,
): RefreshingClock {
  let frozenAt: number | null = null;
  let readAt = 0;
  let reading: Promise<void> | null = null;

  async function read(): Promise<void> {
    try {
      readAt = Date.now();
      const clock = await stripe.retrieveTestClock(clockId);
      frozenAt = clock.frozen_time * 1000;
    } catch (error) {
      log.warn({ err: error, clockId }, 'could not read the test clock; its last known time stays');
    } finally {
      reading = null;
    }
  }
  const join = () => (reading ??= read());

  return {
    now() {
      if (Date.now() - readAt > REFRESH_EVERY) void join();
      return frozenAt ?? Date.now();
    },
    // A read under way may have begun before the clock moved.
    refresh: async () => {
      await reading;
      await join();
    },
    stop: () => {
      readAt = Infinity;
    },
  };
}
