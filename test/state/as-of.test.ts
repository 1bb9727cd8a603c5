import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readEvent } from '../../state/event-facts.ts';
import {
  happenedBy,
  knownBy,
  subscriptionAsOf,
  type AsOfRules,
  type KeptPast,
  type KnownEvent,
  type KnownLine,
} from '../../state/history/as-of.ts';
import { readSubscription } from '../../state/subscription-facts.ts';
import type { SubscriptionFacts } from '../../state/types.ts';
import { CATALOGUE, DAY, storedIn, T0, type Raw } from './factories.ts';
import { expectedLines } from './history-judge.ts';
import { RANKS, RecordedHistory } from './recorded-history.ts';
import { SimulatedSubscription, STEPS, type SimulatorStep } from './simulator.ts';

const SEED = process.env['TENURE_TEST_SEED'];
const RUNS = Number(process.env['TENURE_TEST_RUNS'] ?? (process.env['FULL'] ? 5_000 : 100));

const RULES: AsOfRules = {
  catalogue: CATALOGUE,
  grace: 'period_end',
  returns: { onDispute: 'suspend', onFullRefund: 'end' },
};

type Start = 'incomplete' | 'trialing' | 'active';
type Draw = (below: number) => number;

interface Lived {
  life: SimulatedSubscription;
  past: KeptPast;
  /** What was stored after each delivery, by our clock. */
  stored: { at: number; state: string }[];
}

/** A life whose events arrive as they like; our clock is real, and a delivery may be hours late. */
function lived(start: Start, steps: readonly SimulatorStep[], draw: Draw): Lived {
  const life = new SimulatedSubscription(start);
  for (const step of steps) life.step(step);
  const record = new RecordedHistory();
  const arriving = life.events.map((raw, index) => {
    const delay = draw(3) === 0 ? draw(10_000) : draw(3);
    return { raw, index, arrives: (Number(raw['created']) + delay) * 1000 + 500 };
  });
  const stored: Lived['stored'] = [];
  const events: KnownEvent[] = [];
  for (const { raw, arrives } of arriving.toSorted((a, b) => a.arrives - b.arrives)) {
    const facts = readEvent(raw);
    const read = life.reads.findLast(
      (_, i) => Number(life.events[i]!['created']) * 1000 <= arrives,
    );
    // One delivery after the other: no two in one millisecond.
    const now = Math.max(arrives, (stored.at(-1)?.at ?? 0) + 1);
    record.deliver([facts], read!, now);
    stored.push({ at: now, state: record.stored!.state });
    events.push({ facts, object: (raw['data'] as { object: Raw }).object, knownAt: now });
  }
  const lines = [
    ...record.lines.map((line) => ({ ...line, struckAt: null })),
    ...record.struck,
  ].sort((a, b) => a.number - b.number);
  const past = { lines, events, eventsSince: null, returns: [], present: record.stored! };
  return { life, past, stored };
}

/** What makes one moment of a subscription another than the next. */
const shape = (facts: SubscriptionFacts) => ({
  status: facts.stripeStatus,
  items: facts.items.map(({ priceId, quantity, periodEnd }) => [priceId, quantity, periodEnd]),
  ends: [facts.cancelAt, facts.canceledAt, facts.endedAt, facts.trialEnd],
  hold: facts.pauseCollection,
  schedule: facts.scheduleId,
  latest: facts.latestInvoiceId,
});

const asItWas = (past: KeptPast, at: number) =>
  subscriptionAsOf(past, happenedBy(past, at), { at, rules: RULES });

const lives = (check: (given: Lived) => void) =>
  fc.assert(
    fc.property(
      fc.constantFrom<Start>('incomplete', 'trialing', 'active'),
      fc.array(fc.constantFrom(...STEPS), { maxLength: 12 }),
      fc.infiniteStream(fc.nat()),
      (start, steps, random) =>
        check(lived(start, steps, (below) => Number(random.next().value) % below)),
    ),
    {
      numRuns: RUNS,
      verbose: fc.VerbosityLevel.Verbose,
      ...(SEED === undefined ? {} : { seed: Number(SEED) }),
    },
  );

describe('a subscription as of a moment', () => {
  it('is at every second what Stripe’s object was, whenever its events arrived', () => {
    lives(({ life, past }) => {
      const told = expectedLines(life.events, RANKS);
      for (const [index, event] of life.events.entries()) {
        const at = Number(event['created']) * 1000;
        if (life.events[index + 1]?.['created'] === event['created']) continue;
        const then = asItWas(past, at);
        expect(then.state).toBe(told.findLast((line) => line.at <= at)?.to);
        expect(then.steps).toBe(told.filter((line) => line.at <= at).length);
        expect(shape(then.facts!)).toEqual(shape(readSubscription(life.reads[index])));
        const invoices = new Map<string, Raw>();
        for (const { data } of life.events.slice(0, index + 1) as { data: { object: Raw } }[]) {
          if (data.object['object'] === 'invoice')
            invoices.set(String(data.object['id']), data.object);
        }
        const open = [...invoices.values()].filter(({ status }) => status === 'open');
        expect(new Set(then.invoices.map(({ id }) => id))).toEqual(
          new Set(open.map(({ id }) => id)),
        );
      }
      expect(asItWas(past, Number(life.events[0]!['created']) * 1000 - 1000)).toMatchObject({
        state: 'none',
        facts: null,
        access: null,
        invoices: [],
      });
    });
  }, 600_000);

  it('was believed to be what the database said then', () => {
    lives(({ past, stored }) => {
      for (const { at, state } of stored) {
        // Moments are whole seconds: what was stored last in one.
        const next = stored.find((other) => other.at > at);
        const moment = Math.floor(at / 1000) * 1000;
        if (next && next.at <= moment + 999) continue;
        const cut = knownBy(past, moment, 'real');
        expect(subscriptionAsOf(past, cut, { at: moment, rules: RULES }).state).toBe(state);
      }
    });
  }, 600_000);

  const at = (seconds: number) => seconds * 1000;
  const none = { events: [], eventsSince: null, returns: [], present: storedIn('active') };
  const line = (given: Partial<KnownLine>): KnownLine => ({
    to: 'active',
    from: 'none',
    at: at(T0),
    causeId: null,
    knownAt: at(T0),
    struckAt: null,
    ...given,
  });

  it('was believed to be in a state that never was until that was struck out', () => {
    const struck = { from: 'active', to: 'paused', at: at(T0 + 10), knownAt: at(T0 + 10) } as const;
    const past = { ...none, lines: [line({}), line({ ...struck, struckAt: at(T0 + 60) })] };
    const believed = (seconds: number) =>
      subscriptionAsOf(past, knownBy(past, at(seconds), 'real'), { at: at(seconds), rules: RULES });
    expect([T0 + 5, T0 + 30, T0 + 61].map((when) => believed(when).state)).toEqual([
      'active',
      'paused',
      'active',
    ]);
    expect(asItWas(past, at(T0 + 30)).state).toBe('active');
  });

  it('had the access, the acts and the open invoices of then, and not those of now', () => {
    const life = new SimulatedSubscription('active');
    for (const step of ['fail', 'fail', 'pay'] as const) life.step(step);
    // An invoice is told open and paid in one second; the ids of events do not tell the order.
    const events = life.events.map((raw): KnownEvent => {
      const { object } = raw['data'] as { object: Raw };
      return { facts: readEvent(raw), object, knownAt: 0 };
    });
    const record = new RecordedHistory();
    for (const [i, { facts }] of events.entries()) {
      record.deliver([facts], life.reads[i]!, facts.createdAt);
    }
    const lines = record.lines.map((each) => ({ ...each, struckAt: null }));
    const past = { ...none, events, lines, present: record.stored! };
    const [, failed, again, paid] = [0, 3600, 7200, 10_800].map((seconds) => at(T0 + seconds));
    expect(asItWas(past, failed! - 1_000)).toMatchObject({
      state: 'active',
      access: { level: 'full' },
      invoices: [],
    });
    expect(asItWas(past, failed!)).toMatchObject({
      state: 'past_due',
      failedAttempts: 1,
      access: { level: 'grace', until: failed! + 14 * at(DAY) },
      invoices: [{ id: 'in_2', status: 'open', amountDue: 3000, attemptCount: 1 }],
    });
    expect(asItWas(past, again!)).toMatchObject({ failedAttempts: 2, state: 'past_due' });
    const unpaid = { ...past, lines: lines.slice(0, 3), events: events.slice(0, -3) };
    expect(asItWas(unpaid, failed! + 15 * at(DAY)).access).toMatchObject({ level: 'none' });
    expect(asItWas(past, paid!)).toMatchObject({
      state: 'active',
      invoices: [],
      failedAttempts: 0,
    });

    const twice = [events.at(-2)!, events.at(-2)!].map(({ facts, object, knownAt }, i) => {
      const invoice = { ...facts.invoice!, status: i === 0 ? 'paid' : 'open' };
      return { facts: { ...facts, id: `evt_${i}`, invoice }, object, knownAt };
    });
    for (const told of [twice, twice.toReversed()]) {
      expect(asItWas({ ...past, events: told }, paid!).invoices).toEqual([]);
    }
  });

  it('gave no access while a dispute was open, and says where its course is not kept', () => {
    const dispute = {
      id: 'dp_1',
      kind: 'dispute' as const,
      chargeId: null,
      invoiceId: null,
      subscriptionId: 'sub_1',
      customerId: 'cus_1',
      amount: 3000,
      currency: 'usd',
      status: 'needs_response',
      reason: null,
      createdAt: at(T0 + 100),
      paid: { amount: 3000, periodStart: null, periodEnd: null },
    };
    const life = new SimulatedSubscription('active');
    const facts = readEvent(life.events[0]);
    const event = { facts, object: {}, knownAt: 0 };
    const past = { ...none, lines: [line({ causeId: facts.id })], events: [event] };
    const later = line({ from: 'active', at: at(T0 + 900), causeId: facts.id });
    const disputed = { ...past, lines: [...past.lines, later], returns: [dispute] };
    const levels = [T0 + 50, T0 + 150].map((when) => asItWas(disputed, at(when)).access?.level);
    expect(levels).toEqual(['full', 'none']);
    const won = { ...disputed, returns: [{ ...dispute, status: 'won' }] };
    expect(asItWas(won, at(T0 + 150))).toMatchObject({
      access: { level: 'full' },
      disputeUnclear: true,
    });
  });
});
