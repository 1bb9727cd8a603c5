import type Stripe from 'stripe';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEmulator, type RunningEmulator } from '../../../scripts/stripe-emulator/index.ts';
import { expectHistory } from '../../support/expected-history.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { newPerson, PRO, type Person } from '../billing/person.ts';

const BEGIN = 1_790_000_000;
const CARDS = {
  4242: null,
  '0341': 'pm_card_chargeCustomerFail',
  3184: 'pm_card_authenticationRequired',
} as const;
type Card = keyof typeof CARDS;

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
async function quarterIn(days: number[], finalAction: string): Promise<Record<Card, string[]>> {
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
      people.set(card, person);
    }
    for (const step of days) await server.advance(step);
    const events = await server.stripe.events
      .list({ limit: 100 })
      .autoPagingToArray({ limit: 10_000 });
    const told = [...people].map(async ([card, person]) => {
      return [card, await linesOf(server, person, events.toReversed())] as const;
    });
    return Object.fromEntries(await Promise.all(told)) as Record<Card, string[]>;
  } finally {
    await server.close();
  }
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
const EXPECTED: Record<Card, string[]> = {
  4242: [
    ...BEGINNING,
    '2026-11-05T14:13 active → active: renewed, customer.subscription.updated',
    '2026-12-05T14:13 active → active: renewed, customer.subscription.updated',
  ],
  '0341': FAILING,
  3184: FAILING,
};

describe('P-1, P-2: a leap of time tells what would be told day by day', () => {
  it.each(Object.entries(STEPS))(
    'a quarter %s',
    async (_, days) => {
      expect(await quarterIn(days, 'none')).toEqual(EXPECTED);
    },
    60_000,
  );

  it('nothing follows the end where dunning ends it after the leap', async () => {
    const told = await quarterIn([31, 59], 'cancel');
    expect(told[4242]).toEqual(EXPECTED[4242]);
    const [end] = FAILING.slice(-1);
    for (const card of ['0341', 3184] as const) expect(told[card].at(-1)).toBe(end);
  });
});
