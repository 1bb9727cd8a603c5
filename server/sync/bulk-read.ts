import { isGatewayError, type StripeGateway } from '../../adapters/stripe-gateway.ts';
import { readSubscription } from '../../state/subscription-facts.ts';
import type { SubscriptionFacts } from '../../state/types.ts';
import type { Turns } from '../lib/token-bucket.ts';

/** A call that brings fewer subscriptions than this is not worth it: they are read one by one. */
const MIN_FOUND = 4;

/** Most subscriptions in one call: a page of Stripe's list. */
const MAX_PAGE_SIZE = 100;

/** How long lists are not tried after one that was not worth it, in ms; doubles up to a minute. */
const MIN_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 60_000;

type Facts = SubscriptionFacts | null;
type Page = Awaited<ReturnType<StripeGateway['subscriptionsBegun']>>;

/** A subscription that is to be read. */
interface Wanted {
  id: string;
  /** When its present period began, in ms, as far as is known here. */
  periodStart: number | null;
  facts: Promise<Facts>;
  settle: (facts: Facts | Promise<Facts>) => void;
  /** Takes its turn. */
  go: () => void;
}

export interface BulkReads {
  /** One subscription as Stripe answers it after this call; null when it has none. */
  read: (id: string, periodStart: number | null) => Promise<Facts>;
  /** How many subscriptions a call brought, of late. */
  perCall: () => number;
}

/**
 * Reads subscriptions with as few calls as it can. In a burst (a renewal day, a launch, what waited through an outage)
 * the periods of many subscriptions began at about the same time, and Stripe's list can be asked for those: a hundred
 * in a call. Unlike its search, Stripe's lists are as fresh as a single read. What a list does not bring is read by
 * itself, so a wrong guess of a period costs a call and nothing else.
 */
export function createBulkReads(
  turns: Turns,
  attempt: <T>(call: (stripe: StripeGateway) => Promise<T>) => Promise<T>,
): BulkReads {
  /** Those whose call has not begun, by id. */
  const waiting = new Map<string, Wanted>();
  const brought = { subscriptions: 1, calls: 1 };
  let pauseMs = MIN_PAUSE_MS;
  let listsFrom = 0;

  function tally(subscriptions: number): void {
    brought.subscriptions = brought.subscriptions * 0.9 + subscriptions;
    brought.calls = brought.calls * 0.9 + 1;
  }

  function takeTurn(first: Wanted): void {
    const near = Date.now() < listsFrom ? [] : nearby(first, [...waiting.values()]);
    const group = near.length < MIN_FOUND ? [first] : near;
    for (const { id, go } of group) {
      waiting.delete(id);
      turns.leave(go);
    }
    if (group.length === 1) first.settle(readOne(first));
    else void readList(group);
  }

  async function readOne({ id }: Wanted): Promise<Facts> {
    tally(1);
    try {
      return readSubscription(await attempt((stripe) => stripe.retrieveSubscription(id)));
    } catch (error) {
      if (isGatewayError(error, 'not_found')) return null;
      throw error;
    }
  }

  /** Reads pages for as long as they bring enough, and what they did not bring by itself. */
  async function readList(group: Wanted[]): Promise<void> {
    const missing = new Map(group.map((wanted) => [wanted.id, wanted]));
    const starts = group.map(({ periodStart }) => periodStart ?? 0);
    const span = { from: Math.min(...starts), to: Math.max(...starts) };
    let isWorthIt = false;
    try {
      let startingAfter: string | null = null;
      let found = 0;
      let calls = 0;
      do {
        if (calls > 0) await turns.take();
        calls += 1;
        const wanted = { ...span, startingAfter };
        const page: Page = await attempt((stripe) => stripe.subscriptionsBegun(wanted));
        found = settleFrom(page, missing);
        tally(found);
        startingAfter = page.has_more ? (page.data.at(-1)?.id ?? null) : null;
      } while (startingAfter !== null && found >= MIN_FOUND && missing.size >= MIN_FOUND);
      isWorthIt = group.length - missing.size >= MIN_FOUND * calls;
    } catch (error) {
      // Whatever is wrong with lists is wrong with them alone, except when nothing can be read now.
      if (!isGatewayError(error)) {
        for (const { settle } of missing.values()) settle(Promise.reject(error));
        missing.clear();
      }
    }
    if (!isWorthIt) listsFrom = Date.now() + pauseMs;
    pauseMs = isWorthIt ? MIN_PAUSE_MS : Math.min(pauseMs * 2, MAX_PAUSE_MS);
    for (const wanted of missing.values()) turns.wait(() => wanted.settle(readOne(wanted)));
  }

  return {
    read(id, periodStart) {
      const known = waiting.get(id);
      if (known) return known.facts;
      let settle!: Wanted['settle'];
      const facts = new Promise<Facts>((resolve) => (settle = resolve));
      const wanted: Wanted = { id, periodStart, facts, settle, go: () => takeTurn(wanted) };
      waiting.set(id, wanted);
      // Those that are asked for in the same turn of the event loop can be read together.
      setImmediate(() => waiting.get(id) === wanted && turns.wait(wanted.go));
      return facts;
    },
    perCall: () => brought.subscriptions / brought.calls,
  };
}

/** Answers those whose subscription is on the page; how many they are. */
function settleFrom(page: Page, missing: Map<string, Wanted>): number {
  // A list cuts the items of each subscription at ten.
  const whole = page.data.filter(({ id, items }) => missing.has(id) && !items.has_more);
  for (const object of whole) {
    missing.get(object.id)!.settle((async () => readSubscription(object))());
    missing.delete(object.id);
  }
  return whole.length;
}

/** Periods that began further apart than this, in ms, are not asked for together: too many others began in between. */
const MAX_GAP_MS = 5 * 60_000;

/** Nor those so many times further apart than others that are asked for, and more than two seconds. */
const MAX_TIMES_APART = 8;
const MIN_GAP_MS = 2_000;

/** Those whose period began near that of the first, a page at most. */
function nearby(first: Wanted, all: Wanted[]): Wanted[] {
  if (first.periodStart === null) return [];
  const start = (wanted?: Wanted) => wanted?.periodStart ?? 0;
  const sorted = all
    .filter(({ periodStart }) => periodStart !== null)
    .sort((a, b) => start(a) - start(b));
  const gaps = sorted.slice(1).map((wanted, i) => start(wanted) - start(sorted[i]));
  const usual = gaps.toSorted((a, b) => a - b)[Math.floor(gaps.length / 2)] ?? 0;
  const maxGap = Math.min(Math.max(usual * MAX_TIMES_APART, MIN_GAP_MS), MAX_GAP_MS);
  const at = sorted.indexOf(first);
  const end = gaps.findIndex((gap, i) => i >= at && gap > maxGap);
  const to = end === -1 ? sorted.length : end + 1;
  const from = gaps.findLastIndex((gap, i) => i < at && gap > maxGap) + 1;
  const begin = Math.max(from, Math.min(at, to - MAX_PAGE_SIZE));
  return sorted.slice(begin, Math.min(to, begin + MAX_PAGE_SIZE));
}
