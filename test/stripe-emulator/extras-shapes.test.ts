import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Stripe } from 'stripe';
import { emulatedAccount, type EmulatedAccount } from './emulated-account.ts';
import { shapeProblems } from './stripe-shapes.ts';

let account: EmulatedAccount;
let stripe: Stripe;

beforeAll(async () => {
  account = await emulatedAccount();
  stripe = account.stripe;
});
afterAll(() => account.close());

/** Everything that the account holds, and every object that an event carried. */
async function everything(): Promise<Record<string, unknown>[]> {
  const answer = await fetch(`${account.emulator.url}/_emulator/snapshot`, {
    headers: { Authorization: `Bearer ${account.key}` },
  });
  const snapshot: { objects: [string, Record<string, unknown>[]][]; events: { data: string }[] } =
    JSON.parse(await answer.text());
  const stored = snapshot.objects
    .filter(([name]) => !['_note', 'billing.meter_event'].includes(name))
    .flatMap(([, objects]) => objects);
  const told = snapshot.events.map((event) => {
    const data: { object: Record<string, unknown> } = JSON.parse(event.data);
    return data.object;
  });
  return [...stored, ...told];
}

async function useEverything(): Promise<void> {
  const product = await stripe.products.create({ name: 'Plan' });
  const monthly = await stripe.prices.create({
    product: product.id,
    currency: 'usd',
    unit_amount: 2000,
    recurring: { interval: 'month' },
  });
  const once = await stripe.prices.create({
    product: product.id,
    currency: 'usd',
    unit_amount: 500,
  });
  const feature = await stripe.entitlements.features.create({ name: 'SSO', lookup_key: 'sso' });
  await stripe.products.createFeature(product.id, { entitlement_feature: feature.id });
  const coupon = await stripe.coupons.create({
    percent_off: 10,
    duration: 'repeating',
    duration_in_months: 3,
  });
  const code = await stripe.promotionCodes.create({
    promotion: { type: 'coupon', coupon: coupon.id },
  });
  const rate = await stripe.taxRates.create({
    display_name: 'Tax',
    inclusive: false,
    percentage: 10,
  });
  const customer = await stripe.customers.create({
    email: 'a@b.test',
    payment_method: 'pm_card_visa',
    invoice_settings: { default_payment_method: 'pm_card_visa' },
    tax_id_data: [{ type: 'eu_vat', value: 'DE123456789' }],
  });
  await stripe.customers.createBalanceTransaction(customer.id, { amount: -100, currency: 'usd' });
  const subscription = await stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: monthly.id }],
    discounts: [{ promotion_code: code.id }],
    default_tax_rates: [rate.id],
  });
  const invoice =
    typeof subscription.latest_invoice === 'string' ? subscription.latest_invoice : '';
  await stripe.creditNotes.create({ invoice, amount: 100, refund_amount: 50, credit_amount: 50 });
  const schedule = await stripe.subscriptionSchedules.create({
    from_subscription: subscription.id,
  });
  await stripe.subscriptionSchedules.update(schedule.id, { metadata: { a: 'b' } });
  await stripe.subscriptionSchedules.create({
    customer: customer.id,
    start_date: 'now',
    phases: [
      {
        items: [{ price: monthly.id }],
        duration: { interval: 'month' },
        discounts: [{ coupon: coupon.id }],
        add_invoice_items: [{ price: once.id }],
      },
    ],
  });
  const quote = await stripe.quotes.create({
    customer: customer.id,
    line_items: [{ price: monthly.id }],
  });
  await stripe.quotes.finalizeQuote(quote.id);
  await stripe.quotes.accept(quote.id);
  await stripe.paymentLinks.create({ line_items: [{ price: monthly.id, quantity: 1 }] });
  const meter = await stripe.billing.meters.create({
    display_name: 'Calls',
    event_name: 'call',
    default_aggregation: { formula: 'sum' },
  });
  await stripe.prices.create({
    product: product.id,
    currency: 'usd',
    unit_amount: 5,
    recurring: { interval: 'month', usage_type: 'metered', meter: meter.id },
  });
  await stripe.billing.creditGrants.create({
    customer: customer.id,
    amount: { type: 'monetary', monetary: { currency: 'usd', value: 100 } },
    applicability_config: { scope: { price_type: 'metered' } },
  });
  await stripe.checkout.sessions.create({
    mode: 'subscription',
    line_items: [{ price: monthly.id, quantity: 1 }],
    success_url: 'https://a.test/ok',
  });
  await stripe.payouts.create({ amount: 100, currency: 'usd' });
}

describe('every object', () => {
  it('has the keys and kinds of values that the types of the stripe package name, and no others', async () => {
    await useEverything();
    const objects = await everything();
    const problems = objects.flatMap((object) => shapeProblems(object));
    expect([...new Set(problems.map((problem) => problem.replaceAll(/\[\d+\]/g, '[]')))]).toEqual(
      [],
    );
    expect(new Set(objects.map((object) => object['object'])).size).toBeGreaterThan(30);
  });

  it('would be caught with a key too many, one too few, or a wrong value', () => {
    const coupon = {
      id: 'x',
      object: 'coupon',
      amount_off: null,
      created: 1,
      currency: null,
      duration: 'once',
      duration_in_months: null,
      livemode: false,
      max_redemptions: null,
      metadata: {},
      name: null,
      percent_off: 10,
      redeem_by: null,
      times_redeemed: 0,
      valid: true,
    };
    expect(shapeProblems(coupon)).toEqual([]);
    expect(shapeProblems({ ...coupon, surprise: 1 })).toEqual([
      'coupon.surprise: the type does not know this key',
    ]);
    const { valid: _valid, ...less } = coupon;
    expect(shapeProblems(less)).toEqual(['coupon.valid: the type requires this key']);
    expect(shapeProblems({ ...coupon, created: 'now' })).toEqual([
      'coupon.created: "now" where the type says number',
    ]);
    expect(shapeProblems({ ...coupon, applies_to: { products: [1], more: 1 } })).toEqual([
      'coupon.applies_to.products[0]: 1 where the type says string',
      'coupon.applies_to.more: the type does not know this key',
    ]);
  });
});
