import type { StripeReader } from '../lib/engine-types.ts';
import { StripeOutage } from '../lib/stripe-outage.ts';
import { isGatewayError, type StripeGateway } from '../../adapters/stripe-gateway.ts';
import type { EngineOptions } from './options.ts';
import { createBulkReads } from './bulk-read.ts';
import { createTurns } from '../lib/token-bucket.ts';

/** Whatever Stripe did: within half a minute of its return all is as it was. */
const LONGEST_PAUSE = 15_000;
/** Stripe asks for seconds; a proxy in between that says "tomorrow" must not stop the shop until then. */
const LONGEST_RETRY_AFTER = 10 * 60_000;
/** Failures in a row after which all reads pause. */
const FAILURES_TO_PAUSE = 3;

/**
 * Reads of Stripe at a bounded rate. A 429 pauses all of them for as long as `Retry-After` says, and so
 * do several failures in a row, longer each time.
 */
export function createStripeReader(
  stripe: StripeGateway,
  options: Pick<EngineOptions, 'readsPerSecond' | 'readTimeout' | 'outageBase'>,
): StripeReader {
  const turns = createTurns(options.readsPerSecond);
  let pausedUntil = 0;
  let failures = 0;
  let count = 0;

  function pause(retryAfter: number | null): number {
    const step = Math.min(options.outageBase * 2 ** Math.max(0, failures - 1), LONGEST_PAUSE);
    const delay =
      retryAfter === null
        ? step * (0.75 + Math.random() / 2)
        : Math.min(retryAfter * 1000, LONGEST_RETRY_AFTER);
    return Date.now() + delay;
  }

  function failed(error: unknown): never {
    if (isGatewayError(error, 'rate_limited')) {
      failures += 1;
      pausedUntil = Math.max(pausedUntil, pause(error.retryAfter));
      throw new StripeOutage(error.message, pausedUntil, error);
    }
    if (isOutage(error)) {
      failures += 1;
      const retryAt = pause(null);
      if (failures >= FAILURES_TO_PAUSE) pausedUntil = Math.max(pausedUntil, retryAt);
      throw new StripeOutage(error.message, retryAt, error);
    }
    throw error;
  }

  function throwWhilePaused(): void {
    if (pausedUntil > Date.now()) throw new StripeOutage('Reads of Stripe are paused', pausedUntil);
  }

  /** A call whose turn has come; meanwhile another may have told to wait. */
  async function attempt<T>(call: (stripe: StripeGateway) => Promise<T>): Promise<T> {
    throwWhilePaused();
    count += 1;
    try {
      const answer = await withTimeout(call(stripe), options.readTimeout);
      failures = 0;
      return answer;
    } catch (error) {
      return failed(error);
    }
  }

  const shared = createBulkReads(turns, attempt);

  return {
    async read(call) {
      throwWhilePaused();
      await turns.take();
      return attempt(call);
    },
    async subscription(id, periodStart = null) {
      throwWhilePaused();
      return shared.read(id, periodStart);
    },
    room: () => Math.floor(turns.room() * shared.perCall()),
    pausedUntil: () => (pausedUntil > Date.now() ? pausedUntil : 0),
    count: () => count,
  };
}

/** A key that Stripe refuses (401, 403) is an outage too: once it is fixed, every event must still be there. */
function isOutage(error: unknown): error is Error {
  if (error instanceof ReadTimeout) return true;
  if (!isGatewayError(error)) return false;
  return error.kind === 'unavailable' || error.status === 401 || error.status === 403;
}

class ReadTimeout extends Error {
  override name = 'ReadTimeout';
}

async function withTimeout<T>(promise: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new ReadTimeout('Stripe did not answer in time')), ms);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
