import type { Config } from '../config/config.ts';

/** How the engine paces itself. Durations in ms; the defaults are those of production. */
export interface EngineOptions {
  /** Customers that one process works on at a time, besides those whose delivery waits for an answer. */
  concurrency: number;
  /** How long a process may work on a customer before others take it over. */
  lease: number;
  /** How long the delivery of an effect may take before another process tries it. */
  effectLease: number;
  /** When a mail, or a webhook to the team, is given up; well before its lease ends and another process tries the same. */
  mailTimeout: number;
  webhookTimeout: number;
  /** When a hook of the host app that has not ended is called again. */
  hookTimeout: number;
  /** How long the team is not told of a change that only a read has shown yet. */
  settle: number;
  /** First delay of the exponential backoff of failed events and effects. */
  retryBase: number;
  /** Longest delay between two attempts. */
  retryMax: number;
  /** Failed attempts after which an event rests as dead: after some nine hours. */
  maxAttempts: number;
  /** The same of an effect: after two and a half days, so that a receiver may be down for a weekend. */
  maxEffectAttempts: number;
  /** How often to look for due work when nothing wakes the worker. */
  poll: number;
  /** How long a delivery waits for its event to be processed before it answers 500. */
  ackTimeout: number;
  /** Reads of Stripe per second. Stripe allows 100 (25 in a sandbox); commands of people need some. */
  readsPerSecond: number;
  /** When one read of Stripe is given up as unavailable. */
  readTimeout: number;
  /** First pause after Stripe proved unavailable; doubles up to 10 s. */
  outageBase: number;
  /** How often events are looked for that never arrived; 0 never. */
  catchUpEvery: number;
  /** How often what is too old is deleted; 0 never. */
  retentionEvery: number;
  /** How often to look for debts that are no longer being collected; 0 never. */
  overdueEvery: number;
  /** How often renewals are looked ahead at, in ms; 0 is never. */
  renewalsEvery: number;
  /** Most deliveries that may wait in memory, to be stored or processed; beyond, they are answered 503. */
  maxBacklog: number;
  /** Most events in one INSERT. */
  maxBatch: number;
}

const DEFAULTS: Omit<EngineOptions, 'readsPerSecond'> = {
  concurrency: 128,
  lease: 30_000,
  effectLease: 60_000,
  mailTimeout: 30_000,
  webhookTimeout: 10_000,
  hookTimeout: 60_000,
  settle: 3_000,
  retryBase: 2_000,
  retryMax: 6 * 3_600_000,
  maxAttempts: 15,
  maxEffectAttempts: 24,
  poll: 1_000,
  ackTimeout: 8_000,
  readTimeout: 20_000,
  outageBase: 1_000,
  catchUpEvery: 60_000,
  retentionEvery: 3_600_000,
  overdueEvery: 60_000,
  renewalsEvery: 3_600_000,
  maxBacklog: 5_000,
  maxBatch: 500,
};

/** The defaults, with what is given in their place. */
export function engineOptions(
  { stripe, workers }: Pick<Config, 'stripe' | 'workers'>,
  given: Partial<EngineOptions> = {},
): EngineOptions {
  // The limits are Stripe's, for all processes together; a local Stripe has none.
  const readsPerSecond = stripe.apiBase ? 1_000 : (stripe.live ? 80 : 20) / workers;
  // A test clock leaps.
  const renewalsEvery = stripe.testClock === null ? DEFAULTS.renewalsEvery : 10_000;
  return { ...DEFAULTS, readsPerSecond, renewalsEvery, ...given };
}

/** Delay before attempt `attempt + 1`: exponential, with a quarter of jitter either way. */
export function backoff(
  attempt: number,
  options: Pick<EngineOptions, 'retryBase' | 'retryMax'>,
): number {
  const delay = Math.min(options.retryBase * 2 ** (attempt - 1), options.retryMax);
  return Math.round(delay * (0.75 + Math.random() / 2));
}
