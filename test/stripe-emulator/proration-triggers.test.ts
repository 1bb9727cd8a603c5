import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Stripe } from 'stripe';
import { invoiceOf, itemOf, recurringPrice, traveller, utc } from './clock.ts';
import { emulatedAccount, idIn, type EmulatedAccount } from './emulated-account.ts';

let account: EmulatedAccount;
let stripe: Stripe;
let plan: string;

beforeAll(async () => {
  account = await emulatedAccount();
  stripe = account.stripe;
  plan = await recurringPrice(stripe, 3000);
});
afterAll(() => account.close());

const MODES = ['classic', 'flexible'] as const;
const ascending = (a: number, b: number) => a - b;
const amounts = (invoice: Stripe.Invoice) => invoice.lines.data.map((line) => line.amount);

/** What all invoices of a customer ask, oldest first. */
async function asked(customer: string): Promise<number[]> {
  const { data } = await stripe.invoices.list({ customer, limit: 100 });
  return data.map((invoice) => invoice.total).toReversed();
}

async function monthly(
  params: Partial<Stripe.SubscriptionCreateParams> = {},
  start = '2026-04-01',
) {
  const { customer, to } = await traveller(stripe, start);
  const subscription = await stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: plan }],
    expand: ['latest_invoice'],
    ...params,
  });
  return { customer, to, subscription };
}

describe.each(MODES)('E-2: cancel_at inside a period prorates it, %s', (type) => {
  it('set in the running period gives back the rest, and moved again charges it again', async () => {
    const { to, subscription } = await monthly({ billing_mode: { type } });
    await to('2026-04-06');
    const cut = await stripe.subscriptions.update(subscription.id, {
      cancel_at: utc('2026-04-16'),
      proration_behavior: 'always_invoice',
      expand: ['latest_invoice'],
    });
    expect(amounts(invoiceOf(cut))).toEqual([-1500]);
    expect(itemOf(cut).current_period_end).toBe(utc('2026-04-16'));
    const back = await stripe.subscriptions.update(subscription.id, {
      cancel_at: '',
      proration_behavior: 'always_invoice',
      expand: ['latest_invoice'],
    });
    expect(amounts(invoiceOf(back))).toEqual([1500]);
    expect(itemOf(back).current_period_end).toBe(utc('2026-05-01'));
  });

  it('gives nothing back without prorations', async () => {
    const { subscription, customer } = await monthly({ billing_mode: { type } });
    await stripe.subscriptions.update(subscription.id, {
      cancel_at: utc('2026-04-16'),
      proration_behavior: 'none',
    });
    expect((await stripe.invoiceItems.list({ customer: customer.id })).data).toEqual([]);
  });

  it('in a later period makes that one shorter', async () => {
    const { customer, to, subscription } = await monthly({
      billing_mode: { type },
      cancel_at: utc('2026-05-16'),
    });
    expect(invoiceOf(subscription).total).toBe(3000);
    await to('2026-05-02');
    expect(await asked(customer.id)).toEqual([3000, Math.round((3000 * 15) / 31)]);
    await to('2026-05-17');
    const ended = await stripe.subscriptions.retrieve(subscription.id);
    expect([ended.status, ended.ended_at]).toEqual(['canceled', utc('2026-05-16')]);
  });

  it('in the first period charges only until then', async () => {
    const { subscription } = await monthly({
      billing_mode: { type },
      cancel_at: utc('2026-04-11'),
    });
    expect(invoiceOf(subscription).total).toBe(1000);
  });

  it('is in the preview as in the charge', async () => {
    const { to, subscription } = await monthly({ billing_mode: { type } });
    await to('2026-04-06');
    const quote = await stripe.invoices.createPreview({
      subscription: subscription.id,
      subscription_details: { cancel_at: utc('2026-04-16'), proration_behavior: 'always_invoice' },
    });
    expect(quote.total).toBe(-1500);
  });
});

describe.each(MODES)('E-3: a trial in a paid period gives the rest back, %s', (type) => {
  it('and bills again when it ends', async () => {
    const { customer, to, subscription } = await monthly({ billing_mode: { type } });
    await to('2026-04-11');
    const trial = await stripe.subscriptions.update(subscription.id, {
      trial_end: utc('2026-05-01'),
      proration_behavior: 'always_invoice',
      expand: ['latest_invoice'],
    });
    expect(amounts(invoiceOf(trial))).toEqual([-2000]);
    expect(trial).toMatchObject({ status: 'trialing', trial_start: utc('2026-04-11') });
    await to('2026-05-01T02:00:00');
    expect(await asked(customer.id)).toEqual([3000, -2000, 3000]);
  });
});

describe('E-4: a start in the past is billed', () => {
  const past = { backdate_start_date: utc('2026-03-01') };

  it.each(MODES)('one month, %s', async (type) => {
    const { subscription } = await monthly({ ...past, billing_mode: { type } });
    expect(subscription.start_date).toBe(utc('2026-03-01'));
    expect(subscription.billing_cycle_anchor).toBe(utc('2026-04-01'));
    expect(invoiceOf(subscription).total).toBe(6000);
  });

  it('flexible has a line for each period, classic one for all', async () => {
    const from = { backdate_start_date: utc('2026-02-15') };
    const flexible = await monthly({ ...from, billing_mode: { type: 'flexible' } });
    const first = 3000;
    const second = Math.round((3000 * 17) / 31);
    expect(amounts(invoiceOf(flexible.subscription)).toSorted(ascending)).toEqual([
      second,
      first,
      3000,
    ]);
    const classic = await monthly({ ...from, billing_mode: { type: 'classic' } });
    expect(amounts(invoiceOf(classic.subscription)).toSorted(ascending)).toEqual([
      3000,
      first + second,
    ]);
  });

  it('with an anchor ahead: up to it; without prorations: nothing', async () => {
    const ahead = { ...past, billing_cycle_anchor: utc('2026-05-01') };
    const { subscription } = await monthly(ahead, '2026-04-16');
    expect(invoiceOf(subscription).total).toBe(6000);
    const free = await monthly({ ...past, proration_behavior: 'none' });
    expect(invoiceOf(free.subscription).total).toBe(3000);
  });

  it('is refused when it lies ahead', async () => {
    await expect(monthly({ backdate_start_date: utc('2026-04-02') })).rejects.toMatchObject({
      param: 'backdate_start_date',
    });
  });
});

describe('E-5: a trial that ends before the anchor', () => {
  const params = { trial_end: utc('2026-04-08'), billing_cycle_anchor: utc('2026-04-20') };

  it('is followed by the part of a period that leads to it', async () => {
    const { customer, to, subscription } = await monthly(params);
    expect(subscription.billing_cycle_anchor).toBe(utc('2026-04-20'));
    await to('2026-04-08T02:00:00');
    await to('2026-04-20T02:00:00');
    expect(await asked(customer.id)).toEqual([0, Math.round((3000 * 12) / 31), 3000]);
    expect(itemOf(await stripe.subscriptions.retrieve(subscription.id)).current_period_end).toBe(
      utc('2026-05-20'),
    );
  });

  it('gives that part free without prorations', async () => {
    const { customer, to } = await monthly({ ...params, proration_behavior: 'none' });
    await to('2026-04-20T02:00:00');
    expect((await asked(customer.id)).filter((total) => total > 0)).toEqual([3000]);
  });
});

describe('E-6: pending items between the renewals', () => {
  it('are billed at their interval', async () => {
    const { customer, to, subscription } = await monthly({
      pending_invoice_item_interval: { interval: 'week' },
    });
    expect(subscription.next_pending_invoice_item_invoice).toBe(utc('2026-04-08'));
    await stripe.invoiceItems.create({
      customer: customer.id,
      subscription: subscription.id,
      amount: 700,
      currency: 'usd',
    });
    await to('2026-04-08T02:00:00');
    expect(await asked(customer.id)).toEqual([3000, 700]);
    await to('2026-04-16');
    expect(await asked(customer.id)).toEqual([3000, 700]);
    const after = await stripe.subscriptions.retrieve(subscription.id);
    expect(after.next_pending_invoice_item_invoice).toBe(utc('2026-04-22'));
  });
});

async function meteredPrice(): Promise<{ event: string; price: string }> {
  const event = `calls_${Math.random().toString(36).slice(2)}`;
  const meter = await stripe.billing.meters.create({
    display_name: event,
    event_name: event,
    default_aggregation: { formula: 'sum' },
  });
  const product = await stripe.products.create({ name: 'Calls' });
  const price = await stripe.prices.create({
    product: product.id,
    currency: 'usd',
    unit_amount: 1,
    recurring: { interval: 'month', usage_type: 'metered', meter: meter.id },
  });
  return { event, price: price.id };
}

describe('usage is billed once', () => {
  it.each(MODES)('E-37: a new anchor bills what was used before it, %s', async (type) => {
    const { event, price } = await meteredPrice();
    const yearly = await recurringPrice(stripe, 30_000, { interval: 'year' });
    const { customer, to, subscription } = await monthly({
      billing_mode: { type },
      items: [{ price: plan }, { price }],
    });
    await to('2026-04-10');
    await stripe.billing.meterEvents.create({
      event_name: event,
      payload: { stripe_customer_id: customer.id, value: '300' },
    });
    await to('2026-04-16');
    const after = await stripe.subscriptions.update(subscription.id, {
      items: [{ id: itemOf(subscription).id, price: yearly }],
      billing_cycle_anchor: { type: 'now' },
      proration_behavior: 'none',
      expand: ['latest_invoice'],
    });
    expect(amounts(invoiceOf(after)).toSorted(ascending)).toEqual([300, 30_000]);
    await to('2026-05-16T02:00:00');
    const totals = await asked(customer.id);
    expect(totals.reduce((sum, total) => sum + total, 0)).toBe(3000 + 30_300);
  });

  it('M-34: what a pause has billed, canceling does not bill again', async () => {
    const { event, price } = await meteredPrice();
    const { customer, to, subscription } = await monthly({ items: [{ price: plan }, { price }] });
    await to('2026-04-10');
    await stripe.billing.meterEvents.create({
      event_name: event,
      payload: { stripe_customer_id: customer.id, value: '3000' },
    });
    await to('2026-04-11');
    await stripe.subscriptions.pause(subscription.id, {
      bill_for: { outstanding_usage_through: { type: 'now' } },
      invoicing_behavior: 'invoice',
    });
    expect(await asked(customer.id)).toEqual([3000, 3000]);
    await stripe.subscriptions.cancel(subscription.id, { invoice_now: true });
    expect(await asked(customer.id)).toEqual([3000, 3000]);
  });

  it('M-34: what a pause has billed, the renewal after it does not bill again', async () => {
    const { event, price } = await meteredPrice();
    const { customer, to, subscription } = await monthly({ items: [{ price: plan }, { price }] });
    const use = (value: string) =>
      stripe.billing.meterEvents.create({
        event_name: event,
        payload: { stripe_customer_id: customer.id, value },
      });
    await to('2026-04-10');
    await use('3000');
    await to('2026-04-11');
    await stripe.subscriptions.pause(subscription.id, {
      bill_for: { outstanding_usage_through: { type: 'now' } },
    });
    expect((await stripe.invoiceItems.list({ customer: customer.id })).data).toMatchObject([
      { amount: 3000, quantity: 3000 },
    ]);
    await to('2026-04-12');
    await stripe.subscriptions.resume(subscription.id, {
      billing_cycle_anchor: { type: 'unchanged' },
      proration_behavior: 'none',
    });
    await use('40');
    await to('2026-05-01T02:00:00');
    expect(await asked(customer.id)).toEqual([3000, 3000 + 3000 + 40]);
  });
});

describe('An end that is planned for the end of the period while a subscription is paused', () => {
  it('moves with the period that the resume begins, and is never dated before it', async () => {
    const { to, subscription } = await monthly({ billing_mode: { type: 'flexible' } });
    await to('2026-04-06');
    await stripe.subscriptions.pause(subscription.id, {});
    await stripe.subscriptions.update(subscription.id, { cancel_at_period_end: true });
    await to('2026-04-16');
    const resumed = await stripe.subscriptions.resume(subscription.id, {
      billing_cycle_anchor: { type: 'now' },
      payment_behavior: 'resume_on_payment_success',
    });
    expect(resumed).toMatchObject({ status: 'active', cancel_at: utc('2026-05-16') });
    await to('2026-05-17');
    const ended = await stripe.subscriptions.retrieve(subscription.id);
    expect(ended).toMatchObject({ status: 'canceled', ended_at: utc('2026-05-16') });
  });
});

describe('E-38: credits of a change that waited for its payment', () => {
  it('give back what was really charged', async () => {
    const yearly = await recurringPrice(stripe, 10_000, { interval: 'year' });
    const seats = await recurringPrice(stripe, 10_000);
    const coupon = await stripe.coupons.create({ percent_off: 100, duration: 'once' });
    const { customer, to, subscription } = await monthly({
      items: [{ price: yearly }],
      discounts: [{ coupon: coupon.id }],
    });
    await to('2026-04-11');
    const bad = await stripe.paymentMethods.attach('pm_card_chargeCustomerFail', {
      customer: customer.id,
    });
    const change = await stripe.subscriptions.update(subscription.id, {
      default_payment_method: bad.id,
    });
    const waiting = await stripe.subscriptions.update(change.id, {
      items: [{ id: itemOf(change).id, price: seats }],
      billing_cycle_anchor: { type: 'now' },
      proration_behavior: 'always_invoice',
      payment_behavior: 'pending_if_incomplete',
    });
    expect(waiting.pending_update?.billing_cycle_anchor).toBe(utc('2026-04-11'));
    await to('2026-04-11T05:00:00');
    const good = await stripe.paymentMethods.attach('pm_card_visa', { customer: customer.id });
    await stripe.invoices.pay(idIn(waiting.latest_invoice), { payment_method: good.id });
    const paid = await stripe.subscriptions.retrieve(subscription.id);
    expect(itemOf(paid)).toMatchObject({
      price: { id: seats },
      current_period_start: utc('2026-04-11'),
    });
    await stripe.subscriptions.update(paid.id, { default_payment_method: good.id });
    await to('2026-04-26');
    const more = await stripe.subscriptions.update(paid.id, {
      items: [{ id: itemOf(paid).id, quantity: 2 }],
      proration_behavior: 'always_invoice',
      expand: ['latest_invoice'],
    });
    expect(amounts(invoiceOf(more))).toEqual([-5000, 10_000]);
  });
});

describe('E-18: the status follows the latest finalized invoice', () => {
  it('though a newer draft waits', async () => {
    const { customer, to, subscription } = await monthly();
    const bad = await stripe.paymentMethods.attach('pm_card_chargeCustomerFail', {
      customer: customer.id,
    });
    await stripe.subscriptions.update(subscription.id, { default_payment_method: bad.id });
    await to('2026-05-01T02:00:00');
    const late = await stripe.subscriptions.retrieve(subscription.id);
    expect(late.status).toBe('past_due');
    const failed = idIn(late.latest_invoice);
    await stripe.invoiceItems.create({
      customer: customer.id,
      subscription: subscription.id,
      amount: 500,
      currency: 'usd',
    });
    const draft = await stripe.invoices.create({
      customer: customer.id,
      subscription: subscription.id,
    });
    expect(draft.status).toBe('draft');
    const good = await stripe.paymentMethods.attach('pm_card_visa', { customer: customer.id });
    await stripe.invoices.pay(failed, { payment_method: good.id });
    expect((await stripe.subscriptions.retrieve(subscription.id)).status).toBe('active');
  });
});

describe('E-19: two items of one price', () => {
  it('are refused in an update, and a swap is not', async () => {
    const other = await recurringPrice(stripe, 500);
    const { subscription } = await monthly({ items: [{ price: plan }, { price: other }] });
    const [first, second] = subscription.items.data;
    await expect(
      stripe.subscriptions.update(subscription.id, { items: [{ id: first?.id, price: other }] }),
    ).rejects.toMatchObject({
      message: `Cannot add multiple subscription items with the same plan: ${other}`,
      param: 'items[0][price]',
    });
    const swapped = await stripe.subscriptions.update(subscription.id, {
      items: [
        { id: first?.id, price: other },
        { id: second?.id, price: plan },
      ],
    });
    expect(swapped.items.data.map((item) => item.price.id)).toEqual([other, plan]);
  });
});

describe('E-21: a phase whose price was archived meanwhile', () => {
  it('begins all the same', async () => {
    const small = await recurringPrice(stripe, 1000);
    const { customer, to, subscription } = await monthly();
    const schedule = await stripe.subscriptionSchedules.create({
      from_subscription: subscription.id,
    });
    const [phase] = schedule.phases;
    await stripe.subscriptionSchedules.update(schedule.id, {
      phases: [
        {
          start_date: phase?.start_date,
          end_date: phase?.end_date,
          items: [{ price: plan, quantity: 1 }],
        },
        { items: [{ price: small }], duration: { interval: 'month', interval_count: 1 } },
      ],
    });
    await stripe.prices.update(small, { active: false });
    await to('2026-05-01T02:00:00');
    expect(itemOf(await stripe.subscriptions.retrieve(subscription.id)).price.id).toBe(small);
    expect(await asked(customer.id)).toEqual([3000, 1000]);
  });
});
