import { isIPv6 } from 'node:net';
import { LRUCache } from 'lru-cache';
import type { Config } from '../config/config.ts';
import { AppError } from './errors.ts';
import type { Metrics } from '../lib/metrics.ts';

const MINUTE = 60_000;
/** Callers remembered at a time: invented addresses may cost no more memory than this. */
const MAX_CALLERS = 50_000;

export interface RateLimits {
  /** Counts a request of a known user; throws 429 `rate_limited` with `Retry-After`. */
  user: (id: string) => void;
  /** The same for an address; where none is known (some runtimes tell none) nothing is counted. */
  address: (address: string | undefined) => void;
  /** Counts a call to Stripe that a request of the account made. */
  stripeCall: (accountId: string) => void;
  /** Throws while the account has made too many of them. */
  requireStripeCalls: (accountId: string) => void;
  /** Counts a promotion code that does not exist. */
  wrongCode: (accountId: string) => void;
  /** Throws while the account has tried too many of them. */
  requireFewWrongCodes: (accountId: string) => void;
}

/** Codes that do not exist, per account and minute: who has one types it once or twice. */
const MAX_WRONG_CODES = 20;

/**
 * Requests per minute, in windows that begin with a caller's first request. Each process counts for itself: no
 * request waits for a database because of it, and n processes together let through up to n times as much.
 */
export function createRateLimits(
  { perUser, perAddress, stripeCalls }: Config['rateLimit'],
  metrics: Metrics,
): RateLimits {
  const users = createWindows(perUser);
  const addresses = createWindows(perAddress);
  const calls = createWindows(stripeCalls);
  const codes = createWindows(MAX_WRONG_CODES);
  const refuse = (by: string, wait: number, words = 'Too many requests; wait a little.') => {
    if (wait === 0) return;
    metrics.limited.inc({ by });
    throw new AppError('rate_limited', words, {
      headers: { 'retry-after': String(Math.ceil(wait / 1000)) },
    });
  };
  return {
    user: (id) => refuse('user', users.count(id)),
    address: (address) => {
      if (address !== undefined) refuse('address', addresses.count(networkOf(address)));
    },
    stripeCall: (id) => void calls.count(id),
    requireStripeCalls: (id) => refuse('stripe_calls', calls.wait(id)),
    wrongCode: (id) => void codes.count(id),
    requireFewWrongCodes: (id) =>
      refuse('codes', codes.wait(id), 'Too many codes that do not exist; wait a little.'),
  };
}

export interface Windows {
  /** Counts one; answers how many ms to wait, 0 when it may go on. */
  count: (caller: string) => number;
  /** How many ms a caller that has had enough must wait; counts nothing. */
  wait: (caller: string) => number;
}

/** So many a minute for each caller; 0 is no limit. */
export function createWindows(limit: number): Windows {
  if (limit === 0) return { count: () => 0, wait: () => 0 };
  // Made when the first caller comes: it takes its room at once, and a handler of webhooks alone needs none.
  let made: LRUCache<string, { count: number; endsAt: number }> | null = null;
  const callers = () => (made ??= new LRUCache({ max: MAX_CALLERS }));
  return {
    count(caller) {
      const windows = callers();
      const now = performance.now();
      const known = windows.get(caller);
      if (!known || known.endsAt <= now) {
        windows.set(caller, { count: 1, endsAt: now + MINUTE });
        return 0;
      }
      known.count += 1;
      return known.count > limit ? known.endsAt - now : 0;
    },
    wait(caller) {
      const known = made?.get(caller);
      return known && known.count >= limit ? Math.max(0, known.endsAt - performance.now()) : 0;
    },
  };
}

/** One subscriber line has a whole /64 of IPv6 to choose addresses from. */
export function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const [head = '', tail = ''] = (address.split('%')[0] ?? '').split('::');
  const groups = head === '' ? [] : head.split(':');
  const rest = tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: Math.max(0, 8 - groups.length - rest.length) }, () => '0');
  return [...groups, ...zeros, ...rest].slice(0, 4).join(':');
}

/** Commands of one account that a process works on or keeps waiting; the next ones are refused. */
export const MAX_AT_ONCE = 25;

/** Runs a task of a key, unless too many of the same key are under way; then it throws 429. */
export type AtOnce = <T>(key: string, task: () => Promise<T>) => Promise<T>;

/**
 * A bound on what one account can keep waiting: they would only wait for each other, and each costs memory, a place at the
 * database and, in the end, an answer that no one waits for any more.
 */
export function createAtOnce(max = MAX_AT_ONCE): AtOnce {
  const running = new Map<string, number>();
  return async (key, task) => {
    const count = running.get(key) ?? 0;
    if (count >= max) {
      throw new AppError('rate_limited', 'Too many changes of this account are under way; wait.', {
        headers: { 'retry-after': '2' },
      });
    }
    running.set(key, count + 1);
    try {
      return await task();
    } finally {
      const left = (running.get(key) ?? 1) - 1;
      if (left === 0) running.delete(key);
      else running.set(key, left);
    }
  };
}
