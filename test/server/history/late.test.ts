import type Stripe from 'stripe';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { timelineOf, type TransitionRow } from '../../../db/transitions.ts';
import { catchUp } from '../../../server/webhooks/catch-up.ts';
import { expectHistory } from '../../support/expected-history.ts';
import { startTestServer, until, type TestServer } from '../../support/server.ts';
import { signStripePayload } from '../../support/sign-stripe-payload.ts';
import { startWebhookReceiver, type WebhookReceiver } from '../../support/webhook-receiver.ts';
import { newPerson, PRO, STARTER, type Person } from '../billing/person.ts';
import { stripeSwitches } from '../billing/stripe-calls.ts';

let server: TestServer;
let receiver: WebhookReceiver;
let switches: ReturnType<typeof stripeSwitches>;
beforeAll(async () => {
  receiver = await startWebhookReceiver();
  server = await startTestServer({
    database: 'sqlite',
    env: {
      TRIAL_DAYS: '0',
      OUTGOING_WEBHOOK_URL: receiver.url,
      OUTGOING_WEBHOOK_SECRET: `whsec_${'A'.repeat(32)}`,
    },
    engine: { settle: 20, poll: 50 },
  });
  switches = stripeSwitches(server);
});
afterAll(async () => {
  await server.close();
  await receiver.close();
});

interface Told {
  person: Person;
  id: string;
}

async function subscriber(): Promise<Told> {
  const person = newPerson(server);
  const { id } = await person.subscribe(PRO);
  return { person, id };
}

/** What Stripe made while `run` ran; none of it is delivered, at first. */
async function unheard(run: () => Promise<void>): Promise<Stripe.Event[]> {
  const [mark] = (await server.stripe.events.list({ limit: 1 })).data;
  const fault = await switches.drop();
  await run();
  await server.settled();
  await fault.end();
  const events = await server.stripe.events
    .list({ limit: 100, ending_before: mark!.id })
    .autoPagingToArray({ limit: 1_000 });
  return events;
}

async function deliver(events: readonly Stripe.Event[]): Promise<void> {
  for (const event of events) {
    const body = Buffer.from(JSON.stringify(event));
    const secret = server.env['STRIPE_WEBHOOK_SECRET']!;
    const signature = signStripePayload(body, secret, Math.floor(Date.now() / 1000));
    const { status } = await fetch(`${server.url}/api/webhooks/stripe`, {
      method: 'POST',
      body,
      headers: { 'stripe-signature': signature, 'content-type': 'application/json' },
    });
    expect(status).toBe(200);
  }
}

/** The lines are those of Stripe's events, and the receiver was told each once, in order. */
async function linesOf({ id }: Told): Promise<TransitionRow[]> {
  await server.settled();
  const db = server.database.knex;
  await until(async () => (await db('outbox').where({ status: 'waiting' }).first()) === undefined);
  const events = await server.stripe.events
    .list({ limit: 100 })
    .autoPagingToArray({ limit: 5_000 });
  return expectHistory(db, {
    subscriptionId: id,
    events: events.toReversed(),
    catalogue: server.services.catalogue,
    isReturn: false,
    story: '',
  });
}

const changesOf = ({ id }: Told) =>
  receiver.changes.filter(({ subscriptionId }) => subscriptionId === id);

/** Each line once; those that are not found late in their order, and who keeps the highest number ends right. */
function expectToldOnce(told: Told, lines: readonly TransitionRow[]): void {
  const changes = changesOf(told);
  const numbers = changes.map(({ number }) => number);
  const ascending = numbers.toSorted((a, b) => a - b);
  expect(ascending).toEqual(lines.map(({ number }) => number));
  const inTurn = changes.filter(({ late }) => !late).map(({ number }) => number);
  expect(inTurn).toEqual(inTurn.toSorted((a, b) => a - b));
  expect(changes.find(({ number }) => number === ascending.at(-1))?.to).toBe(lines.at(-1)?.to);
}

async function done(
  person: Person,
  name: string,
  { body = {}, headers = {} }: { body?: object; headers?: Record<string, string> } = {},
): Promise<void> {
  const { status, text } = await person.command(name, body, headers);
  expect([200, 202], `${name}: ${text}`).toContain(status);
}

describe('What is heard late', () => {
  it.each(['in order', 'in reverse'])(
    'P-5: five commands under one X-Request-Id are five lines and five webhooks; their events, %s, are joined',
    async (order) => {
      const told = await subscriber();
      const { person } = told;
      const headers = { 'x-request-id': 'one-click' };
      const events = await unheard(async () => {
        for (const name of ['cancel', 'resume', 'cancel', 'resume', 'cancel']) {
          const body = name === 'cancel' ? { when: 'period_end' } : {};
          await done(person, name, { body, headers });
        }
      });
      const db = server.database.knex;
      const before = await timelineOf(db, told.id);
      const names = ['cancel_scheduled', 'cancel_undone', 'cancel_scheduled', 'cancel_undone'];
      expect(before.slice(1).map(({ event }) => event)).toEqual([...names, 'cancel_scheduled']);
      await deliver(order === 'in order' ? events : events.toReversed());
      const lines = await linesOf(told);
      expect(lines.map(({ id }) => id)).toEqual(before.map(({ id }) => id));
      expectToldOnce(told, lines);
      const requests = new Set(lines.slice(1).map(({ requestId }) => requestId));
      expect(requests.size).toBe(5);
      for (const line of lines.slice(1)) {
        expect(line).toMatchObject({ actor: `user:${person.id}`, evidence: 'event' });
      }
    },
  );

  it('P-24: what the Dashboard did while webhooks were lost is found, in its place', async () => {
    const told = await subscriber();
    await unheard(async () => {
      for (const cancel_at_period_end of [true, false, true]) {
        await server.stripe.subscriptions.update(told.id, { cancel_at_period_end });
        await server.advance(1 / 24);
      }
    });
    await server.advance(62);
    expect((await timelineOf(server.database.knex, told.id)).at(-1)?.to).toBe('canceled');
    const { services } = server;
    await catchUp(
      { core: services, reader: services.engine.reader },
      (events) => services.engine.store(events),
      { since: 0 },
    );
    services.engine.wake();
    const lines = await linesOf(told);
    expect(lines.map(({ event, actor }) => [event, actor])).toEqual([
      ['paid', expect.anything()],
      ['cancel_scheduled', 'dashboard'],
      ['cancel_undone', 'dashboard'],
      ['cancel_scheduled', 'dashboard'],
      ['period_ended', 'stripe'],
    ]);
    expectToldOnce(told, lines);
  });

  it('P-26: a cancel in the portal, heard late, and its undo here are two lines', async () => {
    const told = await subscriber();
    const { person, id } = told;
    const events = await unheard(async () => {
      const url = new URL(String((await person.post('portal')).json['url']));
      const cancel = new URL(`${url.pathname}/subscriptions/${id}/cancel`, url);
      const answer = await fetch(cancel, { method: 'POST', body: '', redirect: 'manual' });
      expect(answer.status).toBe(303);
      await done(person, 'resume');
    });
    expect(await timelineOf(server.database.knex, id)).toHaveLength(3);
    await deliver(events.toReversed());
    const lines = await linesOf(told);
    expect(lines.slice(1).map(({ event, actor }) => [event, actor])).toEqual([
      ['cancel_scheduled', 'portal'],
      ['cancel_undone', `user:${person.id}`],
    ]);
    expectToldOnce(told, lines);
  });

  it('P-27: one line of our own end at once, joined with its event', async () => {
    const told = await subscriber();
    const events = await unheard(() => done(told.person, 'cancel', { body: { when: 'now' } }));
    const before = await timelineOf(server.database.knex, told.id);
    expect(before.at(-1)).toMatchObject({ to: 'canceled', cause: { type: 'request' } });
    await deliver(events);
    const lines = await linesOf(told);
    expect(lines).toHaveLength(2);
    expect(lines[1]).toMatchObject({
      cause: { type: 'event' },
      actor: `user:${told.person.id}`,
      evidence: 'event',
    });
  });

  it('P-27: a renewal that a read has shown after a downgrade is told once', async () => {
    const told = await subscriber();
    const { person } = told;
    const events = await unheard(async () => {
      const { answer } = await person.changeTo(STARTER);
      expect(answer.status, answer.text).toBe(202);
      await server.advance(31);
      // A command reads what is true before it decides.
      await done(person, 'cancel', { body: { when: 'period_end' } });
      await server.advance(1);
    });
    const before = await timelineOf(server.database.knex, told.id);
    expect(before.map(({ event }) => event)).toEqual([
      'paid',
      'downgrade_scheduled',
      'period_ended',
      'cancel_scheduled',
    ]);
    await deliver(events.toReversed());
    const lines = await linesOf(told);
    // Stripe tells of the smaller plan and of the new period by an event each; the read had shown one move.
    expect(lines.map(({ event }) => event)).toEqual([
      'paid',
      'downgrade_scheduled',
      'period_ended',
      'renewed',
      'cancel_scheduled',
    ]);
    const ids = lines.map(({ id }) => id);
    expect(before.every(({ id }) => ids.includes(id))).toBe(true);
    expectToldOnce(told, lines);
  });
});

describe('P-14: what is heard days late', () => {
  it('sends no mail of a trial that has ended, nor of a payment of a subscription that has', async () => {
    const told = await subscriber();
    const { id, person } = told;
    const clock = await server.stripe.testHelpers.testClocks.retrieve(
      server.env['STRIPE_TEST_CLOCK']!,
    );
    const trial_end = clock.frozen_time + 14 * 86_400;
    await server.stripe.subscriptions.update(id, { trial_end, proration_behavior: 'none' });
    await person.useCard('pm_card_chargeCustomerFail');
    await unheard(async () => {
      // Its end is announced three days before, then payment fails, and is tried again.
      await server.advance(12);
      await server.advance(3);
      await server.advance(4);
      await server.stripe.subscriptions.cancel(id);
      await server.advance(5);
    });
    const { services } = server;
    await catchUp(
      { core: services, reader: services.engine.reader },
      (events) => services.engine.store(events),
      { since: 0 },
    );
    services.engine.wake();
    await linesOf(told);
    const mails: { kind: string; last_error: string | null }[] = await server.database
      .knex('outbox')
      .where('kind', 'like', 'mail.%')
      .where('payload', 'like', `%${id}%`);
    const notSent = (kind: string) =>
      mails.filter((mail) => mail.kind === kind).map(({ last_error }) => last_error);
    expect(notSent('mail.trial_ending')).toEqual([expect.stringMatching(/over|canceled/)]);
    expect(notSent('mail.payment_failed')).not.toEqual([]);
    for (const why of notSent('mail.payment_failed')) expect(why).toMatch(/ended/);
    const sent = mails.filter(({ last_error }) => last_error === null);
    expect(sent.map(({ kind }) => kind)).toEqual(['mail.receipt', 'mail.canceled']);
  });
});

describe('A life before first sight', () => {
  it('O-3: what is found of it later is told no more than the rest', async () => {
    const person = newPerson(server);
    let id = '';
    const events = await unheard(async () => {
      await person.subscribe(PRO);
      const test_clock = server.env['STRIPE_TEST_CLOCK']!;
      const [bought] = (await server.stripe.subscriptions.list({ test_clock, limit: 1 })).data;
      id = bought!.id;
      await server.stripe.subscriptions.update(id, { cancel_at_period_end: true });
      await server.stripe.subscriptions.update(id, { cancel_at_period_end: false });
      await server.advance(1);
      await server.stripe.subscriptions.cancel(id);
    });
    await server.advance(1);
    await deliver(events.toReversed());
    const lines = await linesOf({ person, id });
    expect(lines.map(({ to }) => to)).toEqual(['active', 'cancel_pending', 'active', 'canceled']);
    expect(changesOf({ person, id })).toEqual([]);
  });
});

describe('P-23: a leap with a card that fails', () => {
  it('is told to the receiver in order, numbered, with the time at Stripe', async () => {
    const told = await subscriber();
    await told.person.useCard('pm_card_chargeCustomerFail');
    await server.advance(62);
    const lines = await linesOf(told);
    expect(lines.length).toBeGreaterThan(3);
    expectToldOnce(told, lines);
    for (const { number, timestamp } of changesOf(told).filter(({ confirmed }) => confirmed)) {
      const line = lines.find((each) => each.number === number);
      expect(Date.parse(timestamp)).toBe(line?.occurredAt);
    }
  });
});
