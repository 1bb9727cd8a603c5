import type Stripe from 'stripe';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEmulator, type RunningEmulator } from '../../../scripts/stripe-emulator/index.ts';
import { arrowTraffic } from '../../../db/counters.ts';
import { findTrial } from '../../../db/trials.ts';
import { expectHistory } from '../../support/expected-history.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { newPerson, PRO, type Person } from '../billing/person.ts';

const BEGIN = 1_790_000_000;
const CARDS = {
  4242: null,
  '0341': 'pm_card_chargeCustomerFail',
  3184: 'pm_card_authenticationRequired',
  /** Pays, and its end is set for a day in the second paid period. */
  leaves: null,
} as const;
type Card = keyof typeof CARDS;
const END = '2026-11-20T12:00';

interface Quarter {
  lines: Record<Card, string[]>;
  /** `<day> <figure> <value>` */
  figures: string[];
  trials: Record<Card, string>;
  /** How many times each arrow was taken. */
  arrows: Record<string, number>;
}

/** A quarter in steps of some days; days and weeks in which nothing is due pass together. */
const STEPS: Record<string, number[]> = {
  'day by day': [13, 1, 1, 2, 1, 4, 1, 6, 1, 60],
  'week by week': [7, 7, 7, 7, 7, 28, 27],
  'month by month': [31, 31, 28],
  'at once': [90],
};

let emulator: RunningEmulator;
beforeAll(async () => {
  emulator = await startEmulator({ webhookRetrySchedule: [50, 200, 1000] });
});
afterAll(() => emulator.close());

/** What is told of each card after a quarter that passed in these steps. */
async function quarterIn(days: number[], finalAction: string): Promise<Quarter> {
  const server = await startTestServer({
    database: 'sqlite',
    emulator,
    startAt: BEGIN,
    env: { DUNNING_FINAL_ACTION: finalAction },
  });
  try {
    const people = new Map<Card, Person>();
    for (const [card, token] of Object.entries(CARDS) as [Card, string | null][]) {
      const person = newPerson(server);
      await person.subscribe(PRO);
      if (token !== null) await person.useCard(token);
      if (card === 'leaves') {
        const cancel_at = Date.parse(`${END}Z`) / 1000;
        await server.stripe.subscriptions.update((await person.subscription()).id, { cancel_at });
        await server.settled();
      }
      people.set(card, person);
    }
    for (const step of days) await server.advance(step);
    const events = await server.stripe.events
      .list({ limit: 100 })
      .autoPagingToArray({ limit: 10_000 });
    const ofEach = async <T>(ask: (person: Person) => Promise<T>) => {
      const told = [...people].map(async ([card, person]) => [card, await ask(person)] as const);
      return Object.fromEntries(await Promise.all(told)) as Record<Card, T>;
    };
    return {
      lines: await ofEach((person) => linesOf(server, person, events.toReversed())),
      trials: await ofEach((person) => trialOf(server, person)),
      ...(await figuresOf(server)),
    };
  } finally {
    await server.close();
  }
}

async function trialOf({ database }: TestServer, person: Person): Promise<string> {
  const trial = await findTrial(database.knex, (await person.subscription()).id);
  return `${trial?.outcome} ${new Date(trial?.outcomeAt ?? 0).toISOString().slice(0, 10)}`;
}

async function figuresOf({ database }: TestServer): Promise<Pick<Quarter, 'figures' | 'arrows'>> {
  const { knex } = database;
  const days: { day_at: number; figure: string; value: number }[] = await knex('daily_figures')
    .whereNot('figure', 'like', 'arrow:%')
    .groupBy('day_at', 'figure')
    .orderBy(['day_at', 'figure'])
    .select('day_at', 'figure')
    .sum({ value: 'value' });
  const taken = (await arrowTraffic(knex, 0)).filter(({ count }) => count !== 0);
  return {
    figures: days
      .filter(({ value }) => value !== 0)
      .map(
        (row) => `${new Date(row.day_at).toISOString().slice(0, 10)} ${row.figure} ${row.value}`,
      ),
    arrows: Object.fromEntries(
      taken.map(({ from, to, event, count }) => [`${from} → ${to}: ${event}`, count]),
    ),
  };
}

async function linesOf(
  server: TestServer,
  person: Person,
  events: Stripe.Event[],
): Promise<string[]> {
  const lines = await expectHistory(server.database.knex, {
    subscriptionId: (await person.subscription()).id,
    events,
    catalogue: server.services.catalogue,
    isReturn: false,
    maxAttempts: server.env['DUNNING_FINAL_ACTION'] === 'none' ? Infinity : 3,
    story: 'a quarter passes',
  });
  const types = new Map(events.map(({ id, type }) => [id, type]));
  return lines.map(({ from, to, event, occurredAt, detail, cause }) => {
    const attempt = detail['attempt'] === undefined ? '' : ` ${String(detail['attempt'])}`;
    const at = new Date(occurredAt).toISOString().slice(0, 16);
    return `${at} ${from} → ${to}: ${event}${attempt}, ${types.get(cause.id)}`;
  });
}

const BEGINNING = [
  '2026-09-21T14:13 none → trialing: trial_started, customer.subscription.created',
  '2026-10-05T14:13 trialing → active: paid, customer.subscription.updated',
];
const FAILING = [
  ...BEGINNING,
  '2026-10-05T15:13 active → past_due: payment_failed 1, customer.subscription.updated',
  '2026-10-08T15:13 past_due → past_due: payment_failed 2, invoice.payment_failed',
  '2026-10-13T15:13 past_due → past_due: payment_failed 3, invoice.payment_failed',
  '2026-10-20T15:13 past_due → past_due: payment_failed 4, invoice.payment_failed',
  '2026-10-20T15:13 past_due → canceled: retries_exhausted, customer.subscription.deleted',
];
const EXPECTED: Quarter['lines'] = {
  4242: [
    ...BEGINNING,
    '2026-11-05T14:13 active → active: renewed, customer.subscription.updated',
    '2026-12-05T14:13 active → active: renewed, customer.subscription.updated',
  ],
  '0341': FAILING,
  3184: FAILING,
  leaves: [
    ...BEGINNING,
    '2026-11-05T14:13 active → active: renewed, customer.subscription.updated',
    '2026-11-05T14:13 active → cancel_pending: cancel_scheduled, customer.subscription.updated',
    '2026-11-20T12:00 cancel_pending → canceled: period_ended, customer.subscription.deleted',
  ],
};
const FIGURES = [
  '2026-09-21 trial_converted 2',
  '2026-09-21 trial_lost 2',
  '2026-09-21 trial_started 4',
  '2026-10-05 mrr 20000',
  '2026-10-05 paying 4',
  '2026-10-05 payment_failed 2',
  '2026-10-20 churned 2',
  '2026-10-20 mrr -10000',
  '2026-10-20 paying -2',
  '2026-11-20 churned 1',
  '2026-11-20 mrr -5000',
  '2026-11-20 paying -1',
];
const TRIALS: Quarter['trials'] = {
  4242: 'converted 2026-10-05',
  '0341': 'lost 2026-10-20',
  3184: 'lost 2026-10-20',
  leaves: 'converted 2026-10-05',
};

function arrowsOf(told: Quarter['lines']): Quarter['arrows'] {
  const counts: Quarter['arrows'] = {};
  for (const line of Object.values(told).flat()) {
    const [, from, to, event] = /^\S+ (\w+) → (\w+): (\w+)/.exec(line)!;
    const name = `${from} → ${to}: ${event}`;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

describe('P-1, P-2: a leap of time tells what would be told day by day', () => {
  it.each(Object.entries(STEPS))(
    'a quarter %s',
    async (_, days) => {
      expect(await quarterIn(days, 'none')).toEqual({
        lines: EXPECTED,
        figures: FIGURES,
        trials: TRIALS,
        arrows: arrowsOf(EXPECTED),
      });
    },
    60_000,
  );

  it('nothing follows the end where dunning ends it after the leap', async () => {
    const { lines: told } = await quarterIn([31, 59], 'cancel');
    expect(told[4242]).toEqual(EXPECTED[4242]);
    const [end] = FAILING.slice(-1);
    for (const card of ['0341', 3184] as const) expect(told[card].at(-1)).toBe(end);
  });
});
