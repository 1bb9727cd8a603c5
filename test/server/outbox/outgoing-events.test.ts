import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import type Stripe from 'stripe';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  verifyWebhook,
  WebhookVerificationError,
  type OutgoingEvent,
  type OutgoingEventType,
} from '../../../adapters/client.ts';
import { enqueueEffects } from '../../../db/outbox.ts';
import { payCheckout } from '../../../scripts/pay-checkout.ts';
import { signOutgoingWebhook } from '../../../scripts/testing/signed-events.ts';
import { OUTGOING_EVENTS } from '../../../server/outbox/outgoing-events.ts';
import { effectsOfReturn, type MoneyReturn } from '../../../state/returns.ts';
import { startTestServer, until, type TestServer } from '../../support/server.ts';
import { newPerson, PRO, type Person } from '../billing/person.ts';

const SECRET = `whsec_${Buffer.from('a secret of the team').toString('base64')}`;
const DISPUTED_CARD = '4000000000000259';

/** What the guide shows of each message. */
const guide = readFileSync(new URL('../../../docs/outgoing-webhooks.md', import.meta.url), 'utf8');
const shown = new Map(
  [...guide.matchAll(/^```json event\n([\s\S]*?)^```$/gm)].map(([, text = '']) => {
    const message = JSON.parse(text) as OutgoingEvent;
    return [message.type, message];
  }),
);
const TYPES = Object.keys(OUTGOING_EVENTS) as OutgoingEventType[];

/** The names of all fields, with those inside; `metadata` is the host's own. */
function fieldsOf(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null || path.endsWith('.metadata')) return [path];
  return Object.entries(value)
    .flatMap(([name, each]) => fieldsOf(each, `${path}.${name}`))
    .toSorted();
}

/** A message without what its schema does not know. */
const knownOf = (type: OutgoingEventType, message: object) =>
  OUTGOING_EVENTS[type].message.parse(message);

describe('Every outgoing event', () => {
  const told: OutgoingEvent[] = [];
  const refused: unknown[] = [];
  let receiver: Server;
  let server: TestServer;

  beforeAll(async () => {
    receiver = createServer((request, response) => {
      void buffer(request)
        .then((body) => verifyWebhook(body, request.headers, SECRET))
        .then((event) => told.push(event))
        .catch((error: unknown) => refused.push(error))
        .finally(() => response.end());
    });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    const { port } = receiver.address() as AddressInfo;
    server = await startTestServer({
      database: 'sqlite',
      prepare: withCredits,
      env: {
        TRIAL_DAYS: '0',
        DUNNING_OPEN_INVOICES: 'keep',
        OUTGOING_WEBHOOK_URL: `http://127.0.0.1:${port}/hook`,
        OUTGOING_WEBHOOK_SECRET: SECRET,
      },
    });
    await liveThroughAll(server);
    const isTold = (type: string) => told.some((each) => each.type === type);
    await until(async () => TYPES.every(isTold));
  }, 120_000);
  afterAll(async () => {
    await server.close();
    receiver.closeAllConnections();
    await new Promise((resolve) => receiver.close(resolve));
  });

  it('is signed as verifyWebhook checks it', () => {
    expect(refused).toEqual([]);
    expect(told.every(({ id }) => /^msg_[0-9a-f]{32}$/.test(id))).toBe(true);
  });

  it.each(TYPES)('has the fields of its schema, and of the guide: %s', (type) => {
    const sent = told.filter((each) => each.type === type);
    expect(sent).not.toEqual([]);
    for (const { id: _, ...message } of sent) {
      expect(knownOf(type, message)).toEqual(message);
      // An invoice is not always at hand where it says so.
      const inGuide = fieldsOf(shown.get(type));
      if (type === 'payment.recovered')
        expect(inGuide).toEqual(expect.arrayContaining(fieldsOf(message)));
      else expect(inGuide).toEqual(fieldsOf(message));
    }
  });

  it.each(TYPES)('is shown in the guide as its schema has it: %s', (type) => {
    const example = shown.get(type) ?? {};
    expect(knownOf(type, example)).toEqual(example);
  });
});

const dir = mkdtempSync(join(tmpdir(), 'tenure-outgoing-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** A plan, and something that is bought once. */
async function withCredits(stripe: Stripe): Promise<Record<string, string>> {
  const { id: priceId } = await stripe.prices.create({
    currency: 'usd',
    unit_amount: 1_000,
    product_data: { name: 'Credits' },
  });
  const monthly = '$STRIPE_PRO_MONTHLY_PRICE_ID';
  const meter = await stripe.billing.meters.create({
    display_name: 'Calls',
    event_name: 'calls',
    default_aggregation: { formula: 'sum' },
  });
  const { id: ofCalls } = await stripe.prices.create({
    currency: 'usd',
    unit_amount: 10,
    recurring: { interval: 'month', usage_type: 'metered', meter: meter.id },
    product_data: { name: 'Calls' },
  });
  const meters = [{ meter: 'calls', priceId: ofCalls, reportedBy: 'user', alerts: [2] }];
  const plans = [
    { id: 'pro', name: 'Pro', rank: 1, features: [], prices: { monthly } },
    { id: 'calls', name: 'Calls', rank: 2, features: [], prices: { monthly: ofCalls }, meters },
  ];
  const products = [{ id: 'credits', name: 'Credits', priceId }];
  const path = join(dir, 'plans.json');
  writeFileSync(path, JSON.stringify({ plans, products }));
  return { PLANS_FILE: path };
}

/** What tells of each type, on a real account; the emulator has no early fraud warnings. */
async function liveThroughAll(server: TestServer): Promise<void> {
  const { stripe } = server;
  const buy = async (choice: object = PRO, card?: string): Promise<Person> => {
    const person = newPerson(server);
    await person.subscribe(choice, card);
    return person;
  };
  const paidInvoice = async (person: Person) => {
    const paid = (await person.invoices()).find(({ status }) => status === 'paid');
    if (paid?.id === undefined) throw new Error('no invoice is paid');
    return paid.id;
  };
  const [failing, asked, tried, won, lost, back] = [
    await buy(),
    await buy(),
    await buy(),
    await buy(PRO, DISPUTED_CARD),
    await buy(PRO, DISPUTED_CARD),
    await buy(),
  ];
  const counted = await buy({ plan: 'calls', interval: 'monthly' });
  await counted.post('usage', { meter: 'calls', quantity: 2, idempotencyKey: 'call-1' });
  const once = newPerson(server);
  const { json } = await once.post('payments', { product: 'credits', metadata: { order: '7' } });
  await payCheckout(String(json['url']));

  for (const { customerId } of [won, lost]) {
    const { data } = await stripe.charges.list({ customer: await customerId() });
    const disputes = await stripe.disputes.list({ charge: data[0]?.id ?? '' });
    const dispute = disputes.data[0]?.id ?? '';
    const evidence = { uncategorized_text: 'winning_evidence' };
    if (customerId === won.customerId) {
      await stripe.disputes.update(dispute, { evidence, submit: true });
    } else await stripe.disputes.close(dispute);
  }
  await stripe.creditNotes.create({
    invoice: await paidInvoice(back),
    amount: 500,
    refund_amount: 500,
  });
  const soon = server.services.clock.now() + 10 * 86_400_000;
  await stripe.subscriptions.update((await tried.subscription()).id, {
    trial_end: Math.floor(soon / 1000),
    proration_behavior: 'none',
  });
  await server.advance(8);
  await failing.useCard('pm_card_chargeCustomerFail');
  await asked.useCard('pm_card_authenticationRequired');
  await server.advance(24);
  await failing.useCard('pm_card_visa');
  const open = (await failing.invoices()).find(({ status }) => status === 'open');
  await stripe.invoices.pay(open?.id ?? '');
  await server.settled();
  await asked.command('cancel', { when: 'now' });
  await server.advance(0.01);
  const late = (await asked.invoices()).find(({ status }) => status === 'open');
  await stripe.invoices.pay(late?.id ?? '', {
    payment_method: await asked.useCard('pm_card_visa'),
  });
  await server.settled();

  const warning: MoneyReturn = {
    id: 'issfr_1',
    kind: 'early_fraud_warning',
    chargeId: 'ch_1',
    invoiceId: null,
    subscriptionId: null,
    customerId: await back.customerId(),
    amount: 5_000,
    currency: 'usd',
    status: 'actionable',
    reason: 'made_with_stolen_card',
    createdAt: Date.now(),
    paid: { amount: 5_000, periodStart: null, periodEnd: null },
  };
  const effects = effectsOfReturn(warning, { userId: back.id, plan: null });
  await enqueueEffects(server.database.knex, effects, Date.now());
  server.services.engine.wake();
}

describe('verifyWebhook', () => {
  const message = shown.get('payment.failed') ?? {};
  const soonText = String(Math.floor(Date.now() / 1000) + 60);
  const check = (change: { body?: string; headers?: object; secret?: string | string[] } = {}) => {
    const { body, headers } = signOutgoingWebhook(message, SECRET);
    const given = { ...headers, ...change.headers };
    return verifyWebhook(change.body ?? body, given, change.secret ?? SECRET);
  };

  it('returns the event, typed by its type, with the id that repetitions share', async () => {
    const event = await check();
    expect(event).toMatchObject(message);
    // The compiler knows what the data of this type has.
    if (event.type === 'payment.failed') expect(event.data.maxAttempts).toBe(3);
    expect(event.id).toMatch(/^msg_/);
  });

  it('takes any of several secrets, bytes or text, and the headers of fetch', async () => {
    const other = `whsec_${Buffer.from('another').toString('base64')}`;
    expect(await check({ secret: [other, SECRET] })).toMatchObject(message);
    const { body, headers } = signOutgoingWebhook(message, SECRET);
    expect(await verifyWebhook(Buffer.from(body), new Headers(headers), SECRET)).toMatchObject(
      message,
    );
  });

  it.each([
    ['a body that was changed', { body: JSON.stringify({ ...message, type: 'dispute.won' }) }],
    ['another id', { headers: { 'webhook-id': 'msg_other' } }],
    ['a time that was not signed', { headers: { 'webhook-timestamp': soonText } }],
    ['no signature', { headers: { 'webhook-signature': undefined } }],
    ['no such signature', { headers: { 'webhook-signature': 'v1,!!!! v2,AAAA v1,' } }],
    ['another secret', { secret: `whsec_${Buffer.from('another').toString('base64')}` }],
  ])('refuses %s', async (_, change) => {
    await expect(check(change)).rejects.toThrow(WebhookVerificationError);
  });

  it('refuses what was signed more than five minutes from now, either way', async () => {
    const now = Math.floor(Date.now() / 1000);
    for (const timestamp of [now - 310, now + 310]) {
      const { body, headers } = signOutgoingWebhook(message, SECRET, { timestamp });
      await expect(verifyWebhook(body, headers, SECRET)).rejects.toThrow(/compare the clocks/);
    }
  });

  it('never checks with an empty secret', async () => {
    await expect(check({ secret: 'whsec_' })).rejects.toThrow(TypeError);
  });
});
