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
} from '../../state/history/as-of.ts';
import { readSubscription } from '../../state/subscription-facts.ts';
import type { SubscriptionFacts } from '../../state/types.ts';
import { CATALOGUE, type Raw } from './factories.ts';
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
});
