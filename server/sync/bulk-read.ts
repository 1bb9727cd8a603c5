import { isGatewayError, type StripeGateway } from '../../adapters/stripe-gateway.ts';
import { readSubscription } from '../../state/subscription-facts.ts';
import type { SubscriptionFacts } from '../../state/types.ts';
import type { Turns } from '../lib/token-bucket.ts';

/** A call that brings fewer subscriptions than this is not worth it: they are read one by one. */
const FEW = 4;

/** Most subscriptions in one call: a page of Stripe's list. */
const PAGE = 100;

/** Periods that began further apart than this, in ms, are not asked for together: too many others began in between. */
const LONGEST_GAP = 5 * 60_000;

/** Nor those so many times further apart than others that are asked for, and more than two seconds. */
const APART = 8;
const SHORTEST_GAP = 2_000;

/** How long lists are not tried after one that was not worth it, in ms; doubles up to a minute. */
const PAUSE = 1_000;
const LONGEST_PAUSE = 60_000;

type Facts = SubscriptionFacts | null;
type Page = Awaited<ReturnType<StripeGateway['subscriptionsBegun']>>;

/** A subscription that somebody waits for. */
interface Wanted {
  id: string;
  /** When its present period began, in ms, as far as is known here. */
  periodStart: number | null;
  facts: Promise<Facts>;
  resolve: (facts: Facts) => void;
  reject: (error: unknown) => void;
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
  let asked: Wanted[] = [];
  const lists = createWorth();
  const brought = { subscriptions: 1, calls: 1 };

  function tally(subscriptions: number): void {
    brought.subscriptions = brought.subscriptions * 0.9 + subscriptions;
    brought.calls = brought.calls * 0.9 + 1;
  }

  function want(id: string, periodStart: number | null): Wanted {
    let resolve!: Wanted['resolve'];
    let reject!: Wanted['reject'];
    const facts = new Promise<Facts>((...settle) => ([resolve, reject] = settle));
    const go = () => void takeTurn(wanted);
    const wanted: Wanted = { id, periodStart, facts, resolve, reject, go };
    return wanted;
  }

  /** Those who ask in the same turn of the event loop can be read together. */
  function queueAsked(): void {
    const all = asked;
    asked = [];
    for (const { id, go } of all) if (waiting.has(id)) turns.wait(go);
  }

  async function takeTurn(first: Wanted): Promise<void> {
    const together = lists.areWorthIt() ? neighbours(first, [...waiting.values()]) : [first];
    const group = together.length < FEW ? [first] : together;
    for (const { id, go } of group) {
      waiting.delete(id);
      turns.leave(go);
    }
    try {
      if (group.length === 1) await readOne(first);
      else await readTogether(group);
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  }

  async function readOne({ id, resolve }: Wanted): Promise<void> {
    tally(1);
    try {
      resolve(readSubscription(await attempt((stripe) => stripe.retrieveSubscription(id))));
    } catch (error) {
      if (!isGatewayError(error, 'not_found')) throw error;
      resolve(null);
    }
  }

  async function readTogether(group: Wanted[]): Promise<void> {
    const missing = new Map(group.map((wanted) => [wanted.id, wanted]));
    try {
      await readPages(missing);
    } catch (error) {
      lists.tell(false);
      // Whatever is wrong with lists is wrong with them alone, except when nothing can be read now.
      if (!isGatewayError(error)) throw error;
    }
    for (const wanted of missing.values()) {
      turns.wait(() => void readOne(wanted).catch(wanted.reject));
    }
  }

  /** Pages of the list for as long as they bring enough; what they bring is no longer missing. */
  async function readPages(missing: Map<string, Wanted>): Promise<void> {
    const starts = [...missing.values()].map(({ periodStart }) => periodStart ?? 0);
    const span = { from: Math.min(...starts), to: Math.max(...starts) };
    const asked = missing.size;
    let startingAfter: string | null = null;
    let calls = 0;
    let found: number;
    do {
      if (startingAfter !== null) await turns.take();
      const wanted = { ...span, startingAfter };
      const page: Page = await attempt((stripe) => stripe.subscriptionsBegun(wanted));
      calls += 1;
      found = settle(page, missing);
      tally(found);
      startingAfter = page.has_more ? (page.data.at(-1)?.id ?? null) : null;
    } while (startingAfter !== null && found >= FEW && missing.size >= FEW);
    lists.tell(asked - missing.size >= FEW * calls);
  }

  return {
    read(id, periodStart) {
      const known = waiting.get(id);
      if (known) return known.facts;
      const wanted = want(id, periodStart);
      waiting.set(id, wanted);
      if (asked.length === 0) setImmediate(queueAsked);
      asked.push(wanted);
      return wanted.facts;
    },
    perCall: () => brought.subscriptions / brought.calls,
  };
}

/** Answers those whose subscription is on the page; how many they are. */
function settle(page: Page, missing: Map<string, Wanted>): number {
  let found = 0;
  for (const object of page.data) {
    const wanted = missing.get(object.id);
    if (!wanted) continue;
    try {
      // A list cuts the items of each subscription at ten.
      if (object.items.has_more) continue;
      wanted.resolve(readSubscription(object));
    } catch (error) {
      wanted.reject(error);
    }
    found += 1;
    missing.delete(object.id);
  }
  return found;
}

/** Those whose period began near that of the first, the nearest first and a page at most. */
function neighbours(first: Wanted, all: Iterable<Wanted>): Wanted[] {
  if (first.periodStart === null) return [first];
  const sorted = [...all]
    .flatMap((wanted) => (wanted.periodStart === null ? [] : [{ wanted, at: wanted.periodStart }]))
    .sort((a, b) => a.at - b.at);
  const gap = gapOf(sorted.map(({ at }) => at));
  const distance = (low: number, high: number) => {
    const [a, b] = [sorted[low], sorted[high]];
    return a && b ? b.at - a.at : Infinity;
  };
  let low = sorted.findIndex(({ wanted }) => wanted === first);
  let high = low;
  while (high - low + 1 < PAGE) {
    const below = distance(low - 1, low);
    const above = distance(high, high + 1);
    if (Math.min(below, above) > gap) break;
    if (below <= above) low -= 1;
    else high += 1;
  }
  return sorted.slice(low, high + 1).map(({ wanted }) => wanted);
}

/** How far apart neighbours may be, among periods that began at these times, in ms and in order. */
function gapOf(starts: number[]): number {
  const gaps = starts.slice(1).map((at, i) => at - (starts[i] ?? at));
  const usual = gaps.sort((a, b) => a - b)[Math.floor(gaps.length / 2)] ?? 0;
  return Math.min(Math.max(usual * APART, SHORTEST_GAP), LONGEST_GAP);
}

/** Whether lists bring enough to be asked for. */
function createWorth(): { areWorthIt: () => boolean; tell: (wasWorthIt: boolean) => void } {
  let pause = PAUSE;
  let notBefore = 0;
  return {
    areWorthIt: () => Date.now() >= notBefore,
    tell(wasWorthIt) {
      if (wasWorthIt) {
        pause = PAUSE;
        return;
      }
      notBefore = Date.now() + pause;
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    },
  };
}
