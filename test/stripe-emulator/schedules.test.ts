import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type Stripe from 'stripe';
import { idOf } from '../../scripts/stripe-emulator/kernel/ids.ts';
import { advanceClock } from '../../scripts/testing/clock.ts';
import { emulatedAccount, type EmulatedAccount } from './emulated-account.ts';

let account: EmulatedAccount;
let stripe: Stripe;
let starter: Stripe.Price;
let pro: Stripe.Price;
let yearly: Stripe.Price;

const START = Date.UTC(2026, 0, 1) / 1000;
const FEBRUARY = Date.UTC(2026, 1, 1) / 1000;
const MARCH = Date.UTC(2026, 2, 1) / 1000;
const APRIL = Date.UTC(2026, 3, 1) / 1000;

beforeAll(async () => {
  account = await emulatedAccount();
  stripe = account.stripe;
  const product = (await stripe.products.create({ name: 'Plan' })).id;
  const price = (amount: number, interval: 'month' | 'year') =>
    stripe.prices.create({
      product,
      currency: 'usd',
      unit_amount: amount,
      recurring: { interval },
    });
  starter = await price(1000, 'month');
  pro = await price(3000, 'month');
  yearly = await price(30_000, 'year');
});
afterAll(() => account.close());

async function customerOn(clock: string): Promise<Stripe.Customer> {
  return stripe.customers.create({
    test_clock: clock,
    payment_method: 'pm_card_visa',
    invoice_settings: { default_payment_method: 'pm_card_visa' },
  });
}

async function newClock(): Promise<string> {
  return (await stripe.testHelpers.testClocks.create({ frozen_time: START })).id;
}

const advance = (clock: string, to: number) => advanceClock(stripe, clock, to);

async function eventsOf(object: string): Promise<string[]> {
  const events = await stripe.events.list({ limit: 100 });
  return events.data
    .filter((event) => JSON.stringify(event.data.object).includes(object))
    .map((event) => event.type)
    .toReversed();
}

const priceOf = (subscription: Stripe.Subscription) => subscription.items.data[0]?.price.id;

/** The documented recipe for a downgrade at the period's end. */
async function downgradeAtPeriodEnd(
  subscription: Stripe.Subscription,
): Promise<Stripe.SubscriptionSchedule> {
  const schedule = await stripe.subscriptionSchedules.create({
    from_subscription: subscription.id,
  });
  const [current] = schedule.phases;
  if (current === undefined) throw new Error('no phase');
  return stripe.subscriptionSchedules.update(schedule.id, {
    end_behavior: 'release',
    proration_behavior: 'none',
    phases: [
      {
        start_date: current.start_date,
        end_date: current.end_date,
        items: current.items.map((item) => ({
          price: idOf(item.price),
          quantity: item.quantity,
        })),
      },
      {
        items: [{ price: starter.id, quantity: 1 }],
        duration: { interval: 'month', interval_count: 1 },
        proration_behavior: 'none',
      },
    ],
  });
}

describe('subscription schedules', () => {
  it('take over a subscription as one phase of its current period', async () => {
    const clock = await newClock();
    const customer = await customerOn(clock);
    const subscription = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: pro.id }],
    });
    const schedule = await stripe.subscriptionSchedules.create({
      from_subscription: subscription.id,
    });
    expect(schedule).toMatchObject({
      status: 'active',
      end_behavior: 'release',
      subscription: subscription.id,
      test_clock: clock,
    });
    expect(schedule.current_phase).toEqual({ start_date: START, end_date: FEBRUARY });
    expect(schedule.phases).toHaveLength(1);
    expect(schedule.phases[0]?.items[0]).toMatchObject({ price: pro.id, quantity: 1 });
    expect((await stripe.subscriptions.retrieve(subscription.id)).schedule).toBe(schedule.id);
    await expect(
      stripe.subscriptionSchedules.create({ from_subscription: subscription.id }),
    ).rejects.toThrow(/already attached to a schedule/);
    await expect(
      stripe.subscriptionSchedules.create({
        from_subscription: subscription.id,
        end_behavior: 'cancel',
      }),
    ).rejects.toThrow(/from_subscription/);
    const released = await stripe.subscriptionSchedules.release(schedule.id);
    expect(released).toMatchObject({
      status: 'released',
      released_subscription: subscription.id,
      subscription: null,
    });
    expect((await stripe.subscriptions.retrieve(subscription.id)).schedule).toBeNull();
    await expect(stripe.subscriptionSchedules.release(schedule.id)).rejects.toThrow(
      /`released` status/,
    );
  });

  it('downgrade at the end of the period: the renewal is billed at the new price, then the subscription is free again', async () => {
    const clock = await newClock();
    const customer = await customerOn(clock);
    const subscription = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: pro.id }],
    });
    const schedule = await downgradeAtPeriodEnd(subscription);
    expect(schedule.phases.map((phase) => [phase.start_date, phase.end_date])).toEqual([
      [START, FEBRUARY],
      [FEBRUARY, MARCH],
    ]);
    expect(priceOf(await stripe.subscriptions.retrieve(subscription.id))).toBe(pro.id);

    await advance(clock, FEBRUARY + 2 * 3600);
    const after = await stripe.subscriptions.retrieve(subscription.id, {
      expand: ['latest_invoice'],
    });
    expect(priceOf(after)).toBe(starter.id);
    expect(after.items.data[0]?.current_period_end).toBe(MARCH);
    const invoice = after.latest_invoice;
    expect(invoice).toMatchObject({
      billing_reason: 'subscription_cycle',
      amount_due: 1000,
      status: 'paid',
    });
    const invoices = await stripe.invoices.list({ subscription: subscription.id });
    expect(invoices.data.map((each) => each.amount_due)).toEqual([1000, 3000]);

    await advance(clock, MARCH + 2 * 3600);
    const ended = await stripe.subscriptionSchedules.retrieve(schedule.id);
    expect(ended).toMatchObject({ status: 'released', released_subscription: subscription.id });
    const free = await stripe.subscriptions.retrieve(subscription.id);
    expect(free).toMatchObject({ status: 'active', schedule: null });
    const types = await eventsOf(schedule.id);
    expect(types).toContain('subscription_schedule.created');
    expect(types).toContain('subscription_schedule.expiring');
    expect(types.indexOf('subscription_schedule.released')).toBeGreaterThan(
      types.indexOf('subscription_schedule.expiring'),
    );
  });

  it('create the subscription now, with the first invoice as a draft for an hour', async () => {
    const clock = await newClock();
    const customer = await customerOn(clock);
    const schedule = await stripe.subscriptionSchedules.create({
      customer: customer.id,
      start_date: 'now',
      end_behavior: 'cancel',
      phases: [
        {
          items: [{ price: starter.id }],
          duration: { interval: 'month', interval_count: 2 },
          metadata: { phase: 'one' },
        },
        {
          items: [{ price: yearly.id }],
          duration: { interval: 'year', interval_count: 1 },
          metadata: { phase: 'two' },
        },
      ],
    });
    const id = idOf(schedule.subscription) ?? '';
    const fresh = await stripe.subscriptions.retrieve(id, { expand: ['latest_invoice'] });
    expect(fresh).toMatchObject({
      status: 'active',
      schedule: schedule.id,
      metadata: { phase: 'one' },
    });
    expect(fresh.latest_invoice).toMatchObject({ status: 'draft' });
    await advance(clock, START + 2 * 3600);
    expect(
      (await stripe.subscriptions.retrieve(id, { expand: ['latest_invoice'] })).latest_invoice,
    ).toMatchObject({ status: 'paid' });
    await advance(clock, MARCH + 2 * 3600);
    const second = await stripe.subscriptions.retrieve(id, { expand: ['latest_invoice'] });
    expect(priceOf(second)).toBe(yearly.id);
    expect(second.metadata).toEqual({ phase: 'two' });
    expect(second.latest_invoice).toMatchObject({ amount_due: 30_000 });
    await advance(clock, Date.UTC(2027, 2, 1, 1) / 1000);
    expect((await stripe.subscriptions.retrieve(id)).status).toBe('canceled');
    expect((await stripe.subscriptionSchedules.retrieve(schedule.id)).status).toBe('completed');
  });

  it('wait for their start', async () => {
    const clock = await newClock();
    const customer = await customerOn(clock);
    const schedule = await stripe.subscriptionSchedules.create({
      customer: customer.id,
      start_date: FEBRUARY,
      phases: [{ items: [{ price: starter.id }], end_date: APRIL, trial: true }],
    });
    expect(schedule).toMatchObject({
      status: 'not_started',
      current_phase: null,
      subscription: null,
    });
    await advance(clock, FEBRUARY + 60);
    const begun = await stripe.subscriptionSchedules.retrieve(schedule.id, {
      expand: ['subscription'],
    });
    expect(begun.status).toBe('active');
    expect(begun.subscription).toMatchObject({
      status: 'trialing',
      trial_end: APRIL,
      start_date: FEBRUARY,
    });
    const canceled = await stripe.subscriptionSchedules.cancel(schedule.id);
    expect(canceled.status).toBe('canceled');
    expect(await stripe.subscriptions.retrieve(idOf(begun.subscription) ?? '')).toMatchObject({
      status: 'canceled',
    });
  });

  it('change the current phase at once when its items change', async () => {
    const clock = await newClock();
    const customer = await customerOn(clock);
    const subscription = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: starter.id }],
    });
    const schedule = await stripe.subscriptionSchedules.create({
      from_subscription: subscription.id,
    });
    await stripe.subscriptionSchedules.update(schedule.id, {
      proration_behavior: 'always_invoice',
      phases: [{ start_date: START, end_date: FEBRUARY, items: [{ price: pro.id, quantity: 2 }] }],
    });
    const changed = await stripe.subscriptions.retrieve(subscription.id, {
      expand: ['latest_invoice'],
    });
    expect(changed.items.data[0]).toMatchObject({ quantity: 2 });
    expect(priceOf(changed)).toBe(pro.id);
    expect(changed.latest_invoice).toMatchObject({
      amount_due: 5000,
      billing_reason: 'subscription_update',
    });
    await expect(
      stripe.subscriptionSchedules.update(schedule.id, {
        phases: [{ start_date: START + 5, end_date: FEBRUARY, items: [{ price: pro.id }] }],
      }),
    ).rejects.toThrow(/start date of the current phase/);
  });

  it('end with their subscription', async () => {
    const clock = await newClock();
    const customer = await customerOn(clock);
    const subscription = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: starter.id }],
    });
    const schedule = await stripe.subscriptionSchedules.create({
      from_subscription: subscription.id,
    });
    await stripe.subscriptions.cancel(subscription.id);
    expect((await stripe.subscriptionSchedules.retrieve(schedule.id)).status).toBe('canceled');
    expect(await eventsOf(schedule.id)).toContain('subscription_schedule.canceled');
  });

  it('refuse what they do not know', async () => {
    const customer = await stripe.customers.create();
    await expect(
      stripe.subscriptionSchedules.create({ customer: customer.id }),
    ).rejects.toMatchObject({ code: 'parameter_missing', param: 'phases' });
    await expect(
      stripe.subscriptionSchedules.create({
        customer: customer.id,
        phases: [{ items: [{ price: 'price_none' }] }],
      }),
    ).rejects.toMatchObject({ code: 'resource_missing' });
    await expect(stripe.subscriptionSchedules.retrieve('sub_sched_none')).rejects.toMatchObject({
      statusCode: 404,
    });
  });
});
