import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Stripe } from 'stripe';
import { assert, integer, property } from 'fast-check';
import { pricedParts } from '../../scripts/stripe-emulator/usage/tiers.ts';
import { advanceClock } from '../../scripts/testing/clock.ts';
import { emulatedAccount, type EmulatedAccount } from './emulated-account.ts';
import { verified, webhookSink } from './webhook-sink.ts';

let account: EmulatedAccount;
let stripe: Stripe;
let meter: Stripe.Billing.Meter;
let product: string;
const START = Date.UTC(2026, 0, 1) / 1000;
const FEBRUARY = Date.UTC(2026, 1, 1) / 1000;
const HOUR = 3600;

beforeAll(async () => {
  account = await emulatedAccount();
  stripe = account.stripe;
  product = (await stripe.products.create({ name: 'API' })).id;
  meter = await stripe.billing.meters.create({
    display_name: 'Calls',
    event_name: 'api_call',
    default_aggregation: { formula: 'sum' },
  });
});
afterAll(() => account.close());

const advance = (clock: string, to: number) => advanceClock(stripe, clock, to);

function report(
  customer: string,
  value: string,
  fields: Partial<Stripe.Billing.MeterEventCreateParams> = {},
) {
  return stripe.billing.meterEvents.create({
    event_name: 'api_call',
    payload: { stripe_customer_id: customer, value },
    ...fields,
  });
}

async function summaryOf(customer: string, from: number, until: number): Promise<number[]> {
  const list = await stripe.billing.meters.listEventSummaries(meter.id, {
    customer,
    start_time: from,
    end_time: until,
  });
  return list.data.map((summary) => summary.aggregated_value);
}

describe('meters', () => {
  it('sum up events, and take a canceled one back', async () => {
    const clock = await stripe.testHelpers.testClocks.create({ frozen_time: START });
    const customer = await stripe.customers.create({ test_clock: clock.id });
    const event = await report(customer.id, '25', { identifier: 'use-1' });
    expect(event).toEqual({
      object: 'billing.meter_event',
      created: START,
      event_name: 'api_call',
      identifier: 'use-1',
      livemode: false,
      payload: { stripe_customer_id: customer.id, value: '25' },
      timestamp: START,
    });
    await report(customer.id, '0.5', { timestamp: START - 60 });
    expect(await summaryOf(customer.id, START - HOUR, START + HOUR)).toEqual([25.5]);
    await stripe.billing.meterEventAdjustments.create({
      event_name: 'api_call',
      type: 'cancel',
      cancel: { identifier: 'use-1' },
    });
    expect(await summaryOf(customer.id, START - HOUR, START + HOUR)).toEqual([0.5]);
  });

  it('refuse a repeated identifier with a plain 400 that says not to retry', async () => {
    const customer = await stripe.customers.create();
    await report(customer.id, '1', { identifier: 'twice' });
    await expect(report(customer.id, '1', { identifier: 'twice' })).rejects.toMatchObject({
      type: 'StripeInvalidRequestError',
      statusCode: 400,
      message: 'An event already exists with identifier twice.',
    });
  });

  it('refuse times too far away, and windows off the minute', async () => {
    const customer = await stripe.customers.create();
    const now = Math.floor(Date.now() / 1000);
    await expect(report(customer.id, '1', { timestamp: now + 600 })).rejects.toMatchObject({
      param: 'timestamp',
    });
    await expect(report(customer.id, '1', { timestamp: now - 36 * 86_400 })).rejects.toMatchObject({
      param: 'timestamp',
    });
    await expect(summaryOf(customer.id, START + 1, FEBRUARY)).rejects.toMatchObject({
      param: 'start_time',
    });
  });

  it('know count and last, archive and come back', async () => {
    const customer = await stripe.customers.create();
    for (const formula of ['count', 'last'] as const) {
      const other = await stripe.billing.meters.create({
        display_name: formula,
        event_name: `by_${formula}`,
        default_aggregation: { formula },
      });
      for (const value of ['5', '7']) {
        await stripe.billing.meterEvents.create({
          event_name: other.event_name,
          payload: { stripe_customer_id: customer.id, value },
        });
      }
      const minute = Math.floor(Date.now() / 60_000) * 60;
      const list = await stripe.billing.meters.listEventSummaries(other.id, {
        customer: customer.id,
        start_time: minute - 60,
        end_time: minute + 120,
      });
      expect(list.data[0]?.aggregated_value).toBe(formula === 'count' ? 2 : 7);
      expect(await stripe.billing.meters.deactivate(other.id)).toMatchObject({
        status: 'inactive',
      });
      expect(await stripe.billing.meters.reactivate(other.id)).toMatchObject({
        status: 'active',
        status_transitions: { deactivated_at: null },
      });
    }
    await expect(
      stripe.billing.meters.create({
        display_name: 'Again',
        event_name: 'api_call',
        default_aggregation: { formula: 'sum' },
      }),
    ).rejects.toThrow(/already an active meter/);
  });
});

describe('metered prices', () => {
  it('bill the usage of a period at its end, in tiers', async () => {
    const clock = await stripe.testHelpers.testClocks.create({ frozen_time: START });
    const customer = await stripe.customers.create({
      test_clock: clock.id,
      payment_method: 'pm_card_visa',
      invoice_settings: { default_payment_method: 'pm_card_visa' },
    });
    const price = await stripe.prices.create({
      product,
      currency: 'usd',
      billing_scheme: 'tiered',
      tiers_mode: 'graduated',
      tiers: [
        { up_to: 100, unit_amount: 10 },
        { up_to: 'inf', unit_amount: 5, flat_amount: 50 },
      ],
      recurring: { interval: 'month', usage_type: 'metered', meter: meter.id },
    });
    const subscription = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: price.id }],
    });
    expect(subscription.items.data[0]?.quantity).toBeUndefined();
    await advance(clock.id, START + 10 * 86_400);
    await report(customer.id, '130');
    await advance(clock.id, FEBRUARY + 2 * HOUR);
    await report(customer.id, '1000');
    const [invoice] = (await stripe.invoices.list({ subscription: subscription.id })).data;
    // 100 × 0.10 + 30 × 0.05 + 0.50
    expect(invoice).toMatchObject({
      amount_due: 1200,
      status: 'paid',
      billing_reason: 'subscription_cycle',
    });
  });

  it('count usage that was reported while the invoice was a draft', async () => {
    const clock = await stripe.testHelpers.testClocks.create({ frozen_time: START });
    const customer = await stripe.customers.create({
      test_clock: clock.id,
      payment_method: 'pm_card_visa',
      invoice_settings: { default_payment_method: 'pm_card_visa' },
    });
    const price = await stripe.prices.create({
      product,
      currency: 'usd',
      unit_amount: 10,
      recurring: { interval: 'month', usage_type: 'metered', meter: meter.id },
    });
    const subscription = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: price.id }],
    });
    await advance(clock.id, START + 86_400);
    await report(customer.id, '50');
    await advance(clock.id, FEBRUARY + HOUR / 2);
    await report(customer.id, '20', { timestamp: FEBRUARY - 60 });
    await report(customer.id, '1000', { timestamp: FEBRUARY + 60 });
    await advance(clock.id, FEBRUARY + 2 * HOUR);
    await report(customer.id, '3000', { timestamp: FEBRUARY - 60 });
    await advance(clock.id, FEBRUARY + 3 * HOUR);
    const [invoice] = (await stripe.invoices.list({ subscription: subscription.id })).data;
    expect(invoice).toMatchObject({ total: 700, amount_due: 700, status: 'paid' });
    expect(invoice?.lines.data).toMatchObject([{ quantity: 70, amount: 700 }]);
  });

  it('are paid by credit grants first', async () => {
    const clock = await stripe.testHelpers.testClocks.create({ frozen_time: START });
    const customer = await stripe.customers.create({
      test_clock: clock.id,
      payment_method: 'pm_card_visa',
      invoice_settings: { default_payment_method: 'pm_card_visa' },
    });
    const price = await stripe.prices.create({
      product,
      currency: 'usd',
      unit_amount: 10,
      recurring: { interval: 'month', usage_type: 'metered', meter: meter.id },
    });
    await stripe.billing.creditGrants.create({
      customer: customer.id,
      amount: { type: 'monetary', monetary: { currency: 'usd', value: 300 } },
      applicability_config: { scope: { price_type: 'metered' } },
    });
    const subscription = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: price.id }],
    });
    await advance(clock.id, START + 86_400);
    await report(customer.id, '50');
    await advance(clock.id, FEBRUARY + 2 * HOUR);
    const [invoice] = (await stripe.invoices.list({ subscription: subscription.id })).data;
    expect(invoice).toMatchObject({ subtotal: 500, total: 200, amount_due: 200, status: 'paid' });
    expect(invoice?.total_pretax_credit_amounts).toMatchObject([
      { amount: 300, type: 'credit_balance_transaction' },
    ]);
    const ledger = await stripe.billing.creditBalanceTransactions.list({ customer: customer.id });
    expect(ledger.data[0]).toMatchObject({ type: 'debit', debit: { type: 'credits_applied' } });
  });

  it('price any quantity in parts that sum to the tiers', () => {
    const tier = (upTo: number | null, unit: number, flat: number | null): Stripe.Price.Tier => ({
      up_to: upTo,
      unit_amount: unit,
      unit_amount_decimal: Stripe.Decimal.from(String(unit)),
      flat_amount: flat,
      flat_amount_decimal: null,
    });
    const base = {
      billing_scheme: 'tiered',
      transform_quantity: null,
      unit_amount: null,
      unit_amount_decimal: null,
    } as const;
    const tiers = [tier(10, 100, null), tier(20, 50, 500), tier(null, 10, null)];
    const price = (mode: 'graduated' | 'volume') => ({
      ...template,
      ...base,
      tiers,
      tiers_mode: mode,
    });
    const total = (mode: 'graduated' | 'volume', quantity: number) =>
      pricedParts(price(mode), quantity).reduce((sum, part) => sum + part.amount, 0);
    expect(total('volume', 10)).toBe(1000);
    expect(total('volume', 11)).toBe(1050);
    expect(total('volume', 21)).toBe(210);
    assert(
      property(integer({ min: 0, max: 100 }), (quantity) => {
        let expected = 0;
        for (let unit = 1; unit <= quantity; unit += 1)
          expected += unit <= 10 ? 100 : unit <= 20 ? 50 : 10;
        if (quantity > 10) expected += 500;
        return total('graduated', quantity) === expected;
      }),
      { verbose: true },
    );
  });
});

const template: Stripe.Price = {
  id: 'price_x',
  object: 'price',
  active: true,
  billing_scheme: 'per_unit',
  created: 0,
  currency: 'usd',
  custom_unit_amount: null,
  livemode: false,
  lookup_key: null,
  metadata: {},
  nickname: null,
  product: 'prod_x',
  recurring: null,
  tax_behavior: null,
  tiers_mode: null,
  transform_quantity: null,
  type: 'recurring',
  unit_amount: null,
  unit_amount_decimal: null,
};

describe('API v2', () => {
  it('takes single events, adjustments, and a stream under a session', async () => {
    const customer = await stripe.customers.create();
    const payload = { stripe_customer_id: customer.id, value: '3' };
    const event = await stripe.v2.billing.meterEvents.create({
      event_name: 'api_call',
      identifier: 'v2-1',
      payload,
    });
    expect(event).toMatchObject({ object: 'v2.billing.meter_event', identifier: 'v2-1', payload });
    const session = await stripe.v2.billing.meterEventSession.create();
    const streaming = new Stripe(session.authentication_token, {
      host: '127.0.0.1',
      port: account.emulator.port,
      protocol: 'http',
      telemetry: false,
    });
    const events = ['a', 'b', 'a'].map((identifier) => ({
      event_name: 'api_call',
      identifier: `stream-${identifier}`,
      payload,
    }));
    await streaming.v2.billing.meterEventStream.create({ events });
    await stripe.v2.billing.meterEventAdjustments.create({
      event_name: 'api_call',
      type: 'cancel',
      cancel: { identifier: 'stream-b' },
    });
    const minute = Math.floor(Date.now() / 60_000) * 60;
    expect(await summaryOf(customer.id, minute - 60, minute + 120)).toEqual([6]);
    const stranger = new Stripe('mesess_none.none', {
      host: '127.0.0.1',
      port: account.emulator.port,
      protocol: 'http',
      telemetry: false,
    });
    await expect(stranger.v2.billing.meterEventStream.create({ events: [] })).rejects.toMatchObject(
      { statusCode: 401 },
    );
  });

  it('reports bad events by thin events alone', async () => {
    const sink = await webhookSink();
    const destination = await stripe.v2.core.eventDestinations.create({
      name: 'Errors',
      type: 'webhook_endpoint',
      event_payload: 'thin',
      enabled_events: [
        'v1.billing.meter.error_report_triggered',
        'v1.billing.meter.no_meter_found',
        'v1.customer.created',
      ],
      webhook_endpoint: { url: sink.url },
      include: ['webhook_endpoint.signing_secret'],
    });
    const secret = destination.webhook_endpoint?.signing_secret ?? '';
    await report('cus_nobody', '1', { identifier: 'lost' });
    await stripe.billing.meterEvents.create({
      event_name: 'no_such_meter',
      payload: { stripe_customer_id: 'cus_x', value: '1' },
    });
    const customer = await stripe.customers.create();
    const got = await sink.waitFor(3);
    const notes = got.map((each) =>
      stripe.parseEventNotification(each.body, each.signature, secret),
    );
    expect(notes.map((note) => note.type).toSorted()).toEqual([
      'v1.billing.meter.error_report_triggered',
      'v1.billing.meter.no_meter_found',
      'v1.customer.created',
    ]);
    for (const note of notes) {
      if (note.type === 'v1.customer.created')
        expect((await note.fetchRelatedObject()).id).toBe(customer.id);
      if (note.type !== 'v1.billing.meter.error_report_triggered') continue;
      const full = await note.fetchEvent();
      expect(full.data.reason).toMatchObject({
        error_count: 1,
        error_types: [
          {
            code: 'meter_event_customer_not_found',
            sample_errors: [{ request: { identifier: 'lost' } }],
          },
        ],
      });
    }
    expect(() =>
      verified(got[0] ?? { body: '', signature: '', type: '', id: '' }, secret),
    ).toThrow();
    await stripe.v2.core.eventDestinations.del(destination.id);
    await sink.close();
  });
});
