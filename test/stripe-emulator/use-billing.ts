import type { Stripe } from 'stripe';

const DAY = 86_400;
const seconds = () => Math.floor(Date.now() / 1000);

/** Keeps an answer for the check, and gives it on. */
export type Keep = <T>(call: Promise<T>) => Promise<T>;
export interface Shop {
  product: string;
  monthly: string;
  yearly: string;
  once: string;
  coupon: string;
  rate: string;
  code: string;
}

export async function catalogue(stripe: Stripe, kept: Keep): Promise<Shop> {
  const { id: product } = await kept(
    stripe.products.create({
      name: 'Plan',
      unit_label: 'seat',
      marketing_features: [{ name: 'Fast' }],
      default_price_data: { currency: 'usd', unit_amount: 100, recurring: { interval: 'week' } },
    }),
  );
  const price = (params: Partial<Stripe.PriceCreateParams>) =>
    kept(stripe.prices.create({ product, currency: 'usd', ...params }));
  const monthly = await price({
    unit_amount: 2000,
    recurring: { interval: 'month' },
    currency_options: { eur: { unit_amount: 1800 } },
    lookup_key: 'pro',
    expand: ['currency_options', 'product'],
  });
  const yearly = await price({ unit_amount: 20_000, recurring: { interval: 'year' } });
  await price({
    recurring: { interval: 'month' },
    billing_scheme: 'tiered',
    tiers_mode: 'graduated',
    tiers: [
      { up_to: 5, unit_amount: 100 },
      { up_to: 'inf', unit_amount: 50, flat_amount: 10 },
    ],
    expand: ['tiers'],
  });
  const once = await price({ unit_amount: 500 });
  await kept(
    stripe.plans.create({
      id: 'legacy',
      currency: 'usd',
      interval: 'month',
      amount: 500,
      product: { name: 'Legacy' },
    }),
  );
  const feature = await kept(
    stripe.entitlements.features.create({ name: 'SSO', lookup_key: 'sso' }),
  );
  await kept(stripe.products.createFeature(product, { entitlement_feature: feature.id }));
  const coupon = await kept(
    stripe.coupons.create({
      percent_off: 10,
      duration: 'repeating',
      duration_in_months: 3,
      applies_to: { products: [product] },
      expand: ['applies_to'],
    }),
  );
  const code = await kept(
    stripe.promotionCodes.create({
      promotion: { type: 'coupon', coupon: coupon.id },
      restrictions: { minimum_amount: 100, minimum_amount_currency: 'usd' },
    }),
  );
  const rate = await kept(
    stripe.taxRates.create({
      display_name: 'VAT',
      inclusive: false,
      percentage: 19,
      country: 'DE',
    }),
  );
  await kept(stripe.prices.search({ query: 'lookup_key:"pro"' }));
  return {
    product,
    monthly: monthly.id,
    yearly: yearly.id,
    once: once.id,
    coupon: coupon.id,
    rate: rate.id,
    code: code.id,
  };
}

export async function person(stripe: Stripe, kept: Keep): Promise<string> {
  const clock = await kept(
    stripe.testHelpers.testClocks.create({ frozen_time: seconds(), name: 'Clock' }),
  );
  const { id } = await kept(
    stripe.customers.create({
      email: 'ada@example.test',
      test_clock: clock.id,
      address: { country: 'DE', line1: 'Hauptstrasse 1' },
      shipping: { name: 'Ada', address: { country: 'DE' } },
      payment_method: 'pm_card_visa',
      invoice_settings: {
        default_payment_method: 'pm_card_visa',
        custom_fields: [{ name: 'PO', value: '1' }],
        rendering_options: { amount_tax_display: 'include_inclusive_tax' },
      },
      tax_id_data: [{ type: 'eu_vat', value: 'DE123456789' }],
      expand: ['tax', 'sources', 'subscriptions', 'tax_ids', 'cash_balance'],
    }),
  );
  await kept(stripe.customers.update(id, { balance: -100, expand: ['invoice_credit_balance'] }));
  await kept(stripe.customers.createBalanceTransaction(id, { amount: -50, currency: 'usd' }));
  await kept(stripe.customers.createTaxId(id, { type: 'eu_vat', value: 'DE123456788' }));
  await kept(
    stripe.customers.updateCashBalance(id, { settings: { reconciliation_mode: 'manual' } }),
  );
  const legacy = await kept(stripe.customers.create({ source: 'tok_visa' }));
  await kept(stripe.customers.listSources(legacy.id));
  await kept(stripe.customers.del(legacy.id));
  return id;
}

export type Buyer = Shop & { customer: string };

export async function subscriptions(
  stripe: Stripe,
  kept: Keep,
  shop: Buyer,
): Promise<Stripe.Subscription> {
  const { customer } = shop;
  const made = await kept(
    stripe.subscriptions.create({
      customer,
      items: [{ price: shop.monthly, quantity: 2, tax_rates: [shop.rate] }],
      discounts: [{ promotion_code: shop.code }],
      add_invoice_items: [{ price: shop.once }],
      expand: [
        'latest_invoice.payments',
        'latest_invoice.confirmation_secret',
        'customer',
        'discounts',
        'items.data.price.product',
      ],
    }),
  );
  await kept(
    stripe.subscriptions.create({
      customer,
      items: [{ price: shop.yearly }],
      trial_period_days: 7,
      payment_behavior: 'default_incomplete',
      billing_mode: { type: 'classic' },
    }),
  );
  const item = made.items.data[0]?.id ?? '';
  await kept(
    stripe.subscriptions.update(made.id, {
      items: [{ id: item, quantity: 4 }],
      proration_behavior: 'always_invoice',
    }),
  );
  await kept(stripe.subscriptionItems.list({ subscription: made.id }));
  await kept(stripe.subscriptions.update(made.id, { cancel_at_period_end: true }));
  await kept(stripe.subscriptions.update(made.id, { cancel_at_period_end: false }));
  await kept(
    stripe.subscriptions.update(made.id, {
      pause_collection: { behavior: 'void', resumes_at: seconds() + DAY },
    }),
  );
  await kept(stripe.subscriptions.update(made.id, { pause_collection: '' }));
  await kept(stripe.subscriptions.pause(made.id));
  await kept(
    stripe.subscriptions.resume(made.id, {
      billing_cycle_anchor: { type: 'now' },
      payment_behavior: 'resume_on_payment_success',
    }),
  );
  await kept(stripe.subscriptions.search({ query: 'status:"trialing"' }));
  await kept(stripe.entitlements.activeEntitlements.list({ customer }));
  return made;
}

export async function schedules(stripe: Stripe, kept: Keep, shop: Buyer): Promise<void> {
  const { customer } = shop;
  const subscription = await kept(
    stripe.subscriptions.create({ customer, items: [{ price: shop.yearly }] }),
  );
  const made = await kept(
    stripe.subscriptionSchedules.create({ from_subscription: subscription.id }),
  );
  await kept(stripe.subscriptionSchedules.update(made.id, { metadata: { a: 'b' } }));
  await kept(stripe.subscriptionSchedules.release(made.id));
  await kept(
    stripe.subscriptionSchedules.create({
      customer,
      start_date: 'now',
      phases: [
        {
          items: [{ price: shop.monthly }],
          duration: { interval: 'month' },
          discounts: [{ coupon: shop.coupon }],
          add_invoice_items: [{ price: shop.once }],
        },
      ],
    }),
  );
  const quote = await kept(
    stripe.quotes.create({
      customer,
      line_items: [{ price: shop.monthly }],
      expand: ['line_items'],
    }),
  );
  await kept(stripe.quotes.finalizeQuote(quote.id));
  await kept(stripe.quotes.accept(quote.id));
}

export async function invoices(
  stripe: Stripe,
  kept: Keep,
  shop: Buyer & { subscription: string },
): Promise<void> {
  const { customer } = shop;
  const draft = await kept(
    stripe.invoices.create({ customer, collection_method: 'send_invoice', days_until_due: 5 }),
  );
  await kept(
    stripe.invoiceItems.create({
      customer,
      invoice: draft.id,
      amount: 90_000,
      currency: 'usd',
      tax_rates: [shop.rate],
    }),
  );
  await kept(
    stripe.invoices.addLines(draft.id, { lines: [{ pricing: { price: shop.once }, quantity: 2 }] }),
  );
  await kept(stripe.invoices.finalizeInvoice(draft.id));
  await kept(stripe.invoices.sendInvoice(draft.id));
  await kept(stripe.invoices.pay(draft.id, { expand: ['payments'] }));
  await kept(stripe.invoicePayments.list({ invoice: draft.id }));
  const note = { invoice: draft.id, amount: 100, refund_amount: 50, credit_amount: 50 };
  await kept(stripe.creditNotes.preview(note));
  await kept(stripe.creditNotes.create(note));
  await kept(stripe.invoices.createPreview({ customer, subscription: shop.subscription }));
  await kept(stripe.invoices.search({ query: 'status:"paid"' }));
}
