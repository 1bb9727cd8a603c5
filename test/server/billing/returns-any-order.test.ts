import type Stripe from 'stripe';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { catchUp } from '../../../server/webhooks/catch-up.ts';
import { toNewEvent } from '../../../server/webhooks/parse-event.ts';
import { startTestServer, until, type TestServer } from '../../support/server.ts';
import { randomFrom, type Random } from '../../support/random.ts';
import { sizeOf } from '../../support/sizes.ts';
import { newPerson, PRO, STARTER, type Person } from './person.ts';
import { stripeSwitches } from './stripe-calls.ts';

const SEED = Number(process.env['TENURE_SEED'] ?? Math.floor(Math.random() * 1e9));
const EACH = sizeOf({ sample: 1, full: 8 });
const STATES = [
  'active',
  'cancel_pending',
  'downgrading',
  'paused',
  'past_due',
  'canceled',
] as const;
type Begun = (typeof STATES)[number];

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ database: 'sqlite', env: { TRIAL_DAYS: '0' } });
});
afterAll(() => server.close());

/** Events are processed, and what they told of was read again from Stripe. */
async function settled(): Promise<void> {
  const waiting = () =>
    server.database.knex('outbox').where({ status: 'waiting', kind: 'returns.read' }).first();
  for (let round = 0; round < 2; round += 1) {
    await server.settled();
    await until(async () => (await waiting()) === undefined);
  }
}

/** Subscriptions in their second month, each in its state. */
async function begin(): Promise<[Person, Begun][]> {
  const people = Array.from({ length: EACH }, () => STATES)
    .flat()
    .map((state): [Person, Begun] => [newPerson(server), state]);
  for (const [person, state] of people) {
    await person.subscribe(PRO);
    if (state === 'past_due') await person.useCard('pm_card_chargeCustomerFail');
  }
  await server.advance(32);
  for (const [person, state] of people) {
    if (state === 'cancel_pending') await person.command('cancel', { when: 'period_end' });
    if (state === 'canceled') await person.command('cancel', { when: 'now' });
    if (state === 'paused') await person.command('pause');
    if (state === 'downgrading') await person.changeTo(STARTER);
    await server.settled();
    expect((await person.subscription()).state).toBe(state);
  }
  return people;
}

interface Payment {
  charge: Stripe.Charge;
  disputes: Stripe.Dispute[];
  refunds: Stripe.Refund[];
}

/** What Stripe has of an account's payments, oldest first. */
async function paymentsOf(person: Person): Promise<Payment[]> {
  const { stripe } = server;
  const { data } = await stripe.charges.list({ customer: await person.customerId(), limit: 100 });
  const paid = data.filter(({ status }) => status === 'succeeded').toReversed();
  return Promise.all(
    paid.map(async (charge) => ({
      charge,
      disputes: (await stripe.disputes.list({ charge: charge.id })).data,
      refunds: (await stripe.refunds.list({ charge: charge.id })).data,
    })),
  );
}

/** The bank, or an operator in Stripe's Dashboard; what Stripe refuses as things stand is left out. */
async function actAtRandom(person: Person, random: Random): Promise<string> {
  const { stripe } = server;
  const payments = await paymentsOf(person);
  const { charge, disputes } = random.pick(payments);
  const open = disputes.find(({ status }) => status === 'needs_response');
  const acts: [string, () => Promise<unknown>][] = open
    ? [
        [
          'win',
          () =>
            stripe.disputes.update(open.id, {
              evidence: { uncategorized_text: 'winning_evidence' },
              submit: true,
            }),
        ],
        ['lose', () => stripe.disputes.close(open.id)],
      ]
    : [
        ['refund a part', () => stripe.refunds.create({ charge: charge.id, amount: 1_000 })],
        ['refund the rest', () => stripe.refunds.create({ charge: charge.id })],
        ['dispute', () => stripeSwitches(server).dispute(charge.id)],
      ];
  const [name, act] = random.pick(acts);
  try {
    await act();
    return `${name} ${charge.amount}`;
  } catch (error) {
    return `refused: ${name}: ${error instanceof Error ? error.message : ''}`;
  }
}

const HARMLESS = new Set([
  'won',
  'warning_needs_response',
  'warning_under_review',
  'warning_closed',
]);

/** What follows from Stripe's objects alone. */
async function expected(person: Person, begun: Begun) {
  const payments = await paymentsOf(person);
  const adverse = payments
    .flatMap(({ disputes }) => disputes)
    .filter(({ status }) => !HARMLESS.has(status));
  const isLost = adverse.some(({ status }) => status === 'lost');
  const present = payments.at(-1);
  const isRefunded = payments.length > 1 && present?.charge.refunded === true;
  const level = (): string => {
    if (begun === 'canceled' || begun === 'paused' || adverse.length > 0 || isRefunded)
      return 'none';
    return begun === 'past_due' ? 'grace' : 'full';
  };
  return {
    returns: payments
      .flatMap(({ disputes, refunds }) => [...disputes, ...refunds])
      .map(({ id, amount, status }) => `${id} ${amount} ${status}`)
      .sort(),
    ended: begun === 'canceled' || isLost,
    level: level(),
    collects: adverse.length === 0,
  };
}

describe('R-1: money that comes back', () => {
  it(`in any order, at any state, with webhooks lost: state, access and returns are as Stripe says (seed ${SEED})`, async () => {
    const random = randomFrom(SEED);
    const switches = stripeSwitches(server);
    const people = await begin();
    const known = new Set<string>();
    for await (const { id } of server.stripe.events.list({ limit: 100 })) known.add(id);
    await switches.silence();
    const acts = new Map<string, string[]>();
    for (let round = 0; round < 4; round += 1) {
      for (const [person] of random.shuffled(people)) {
        const act = await actAtRandom(person, random);
        acts.set(person.id, [...(acts.get(person.id) ?? []), act]);
      }
    }
    await switches.calm();
    const events: Stripe.Event[] = [];
    for await (const event of server.stripe.events.list({ limit: 100 })) {
      if (!known.has(event.id)) events.push(event);
    }
    // A third is lost, some come twice, and none where it belongs.
    const arriving = random.shuffled(
      events.flatMap((event) => {
        if (random.chance(0.33)) return [];
        return random.chance(0.2) ? [event, event] : [event];
      }),
    );
    const context = { live: false, receivedAt: Date.now(), source: 'webhook' } as const;
    while (arriving.length > 0) {
      const some = arriving.splice(0, 1 + random.below(6));
      await server.services.engine.store(
        some.map((event) => toNewEvent(JSON.stringify(event), context)),
      );
      if (random.chance(0.4)) await settled();
    }
    await settled();
    await catchUp(
      { core: server.services, reader: server.services.engine.reader },
      (missed) => server.services.engine.store(missed),
      { since: 0 },
    );
    await settled();
    for (const [person, begun] of people) {
      const words = `${begun}: ${acts.get(person.id)?.join(', ')}; seed ${SEED}`;
      const [wanted, view, row, atStripe] = await Promise.all([
        expected(person, begun),
        person.subscription(),
        server.database.knex('payment_returns').where({
          customer_id: await person.customerId(),
        }),
        person.atStripe(),
      ]);
      expect(
        {
          returns: row.map(({ id, amount, status }) => `${id} ${amount} ${status}`).sort(),
          ended: view.state === 'canceled',
          level: view.access.level,
          collects: wanted.ended ? wanted.collects : atStripe.pause_collection === null,
        },
        words,
      ).toEqual(wanted);
      expect(atStripe.status === 'canceled', words).toBe(wanted.ended);
    }
    // What was tried.
    const all = [...acts.values()].flat();
    expect(all.filter((act) => !act.startsWith('refused')).length).toBeGreaterThan(people.length);
  }, 300_000);
});
