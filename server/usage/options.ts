/** How usage is stored and sent. Durations in ms; the defaults are those of production. */
export interface UsageOptions {
  /** How often what was recorded is sent to Stripe; 0 never. */
  flushEvery: number;
  /** Meter events per second. Stripe takes 1,000 from a live account, 25 calls of any kind from a sandbox. */
  eventsPerSecond: number;
  /** Meter events under way at the same time, each of another customer or meter. */
  atOnce: number;
  /** How long a process may go without a sign of life before another one sends. */
  lease: number;
  /** First delay of the exponential backoff of failed attempts. */
  retryBase: number;
  retryMax: number;
  /** Most records that may wait in memory to be stored; beyond, recording fails with `overloaded`. */
  maxBuffered: number;
  /** How long a commit that fails is tried again before its callers are told. */
  commitTimeoutMs: number;
  /** How long keys of records are remembered, so that a repetition is known. */
  keepKeys: number;
  /** How long delivered windows are kept beside their totals. */
  keepWindows: number;
}

const DAY = 86_400_000;

const DEFAULTS: Omit<UsageOptions, 'flushEvery' | 'eventsPerSecond'> = {
  atOnce: 16,
  lease: 30_000,
  retryBase: 2_000,
  retryMax: 600_000,
  maxBuffered: 50_000,
  commitTimeoutMs: 10_000,
  keepKeys: 40 * DAY,
  keepWindows: 7 * DAY,
};

/** The defaults, with what is given in their place. */
export function usageOptions(
  stripe: { live: boolean; apiBase: string | null; testClock: string | null },
  given: Partial<UsageOptions> = {},
): UsageOptions {
  // The limits are Stripe's; a local Stripe has none.
  const eventsPerSecond = stripe.apiBase ? 5_000 : stripe.live ? 500 : 15;
  // A test clock goes through a month in a moment; usage must be there before it leaves.
  const flushEvery = stripe.testClock === null ? 300_000 : 1_000;
  return { ...DEFAULTS, flushEvery, eventsPerSecond, ...given };
}
