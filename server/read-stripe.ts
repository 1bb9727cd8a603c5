import { isGatewayError, type StripeGateway } from '../adapters/stripe-gateway.ts';
import { readSubscription } from '../state/subscription-facts.ts';
import type { SubscriptionFacts } from '../state/types.ts';
import type { EngineOptions } from './engine-options.ts';

const LONGEST_PAUSE = 60_000;
/** Stripe asks for seconds; a proxy in between that says "tomorrow" must not stop the shop until then. */
const LONGEST_RETRY_AFTER = 10 * 60_000;
/** Failures in a row after which all reads pause. */
const FAILURES_TO_PAUSE = 3;

/** Stripe cannot be asked now. Nothing is wrong with the event: it waits, and no attempt is counted. */
export class StripeOutage extends Error {
  override name = 'StripeOutage';
  /** When to ask again, in ms since the epoch. */
  readonly retryAt: number;

  constructor(message: string, retryAt: number, cause?: unknown) {
    super(message, { cause });
    this.retryAt = retryAt;
  }
}

export interface StripeReader {
  /** What Stripe says now; null when it has no such subscription. Throws `StripeOutage`. */
  subscription(id: string): Promise<SubscriptionFacts | null>;
  /** Any other read under the same limit and pauses. Throws `StripeOutage`. */
  read<T>(call: (stripe: StripeGateway) => Promise<T>): Promise<T>;
  /** Reads that need not wait for their turn. */
  room(): number;
  /** When reads go on, in ms since the epoch; 0 while they are not paused. */
  pausedUntil(): number;
  /** Reads made since the start. */
  count(): number;
}

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

  async function read<T>(call: (stripe: StripeGateway) => Promise<T>): Promise<T> {
    if (pausedUntil > Date.now()) throw new StripeOutage('Reads of Stripe are paused', pausedUntil);
    await turns.take();
    count += 1;
    try {
      const answer = await withTimeout(call(stripe), options.readTimeout);
      failures = 0;
      return answer;
    } catch (error) {
      return failed(error);
    }
  }

  return {
    read,
    async subscription(id) {
      try {
        return readSubscription(await read((gateway) => gateway.retrieveSubscription(id)));
      } catch (error) {
        if (isGatewayError(error, 'not_found')) return null;
        throw error;
      }
    },
    room: turns.room,
    pausedUntil: () => (pausedUntil > Date.now() ? pausedUntil : 0),
    count: () => count,
  };
}

/** A key that Stripe refuses (401, 403) is an outage too: once it is mended, every event must still be there. */
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

export interface Turns {
  /** Resolves when it is this caller's turn. */
  take: () => Promise<void>;
  /** Turns that could be taken without waiting. */
  room: () => number;
}

/** Turns at `perSecond`, with a tenth of a second's worth at once after a rest. */
export function createTurns(perSecond: number): Turns {
  const interval = 1000 / perSecond;
  let next = 0;
  return {
    async take() {
      const now = Date.now();
      next = Math.max(next, now - 100) + interval;
      const wait = next - interval - now;
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    },
    room() {
      const now = Date.now();
      return Math.max(0, Math.floor((now - Math.max(next, now - 100)) / interval) + 1);
    },
  };
}
