import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PDFDocument } from 'pdf-lib';
import type Stripe from 'stripe';
import { idOf } from '../../scripts/stripe-emulator/kernel/ids.ts';
import { emulatedAccount, type EmulatedAccount } from './emulated-account.ts';

let account: EmulatedAccount;
let stripe: Stripe;
let product: Stripe.Product;
let monthly: Stripe.Price;

beforeAll(async () => {
  account = await emulatedAccount();
  stripe = account.stripe;
  product = await stripe.products.create({ name: 'Plan' });
  monthly = await stripe.prices.create({
    product: product.id,
    currency: 'usd',
    unit_amount: 2000,
    recurring: { interval: 'month' },
  });
});
afterAll(() => account.close());

function payer(fields: Stripe.CustomerCreateParams = {}): Promise<Stripe.Customer> {
  return stripe.customers.create({
    payment_method: 'pm_card_visa',
    invoice_settings: { default_payment_method: 'pm_card_visa' },
    ...fields,
  });
}

async function subscribe(customer: string, fields: Partial<Stripe.SubscriptionCreateParams> = {}) {
  const subscription = await stripe.subscriptions.create({
    customer,
    items: [{ price: monthly.id }],
    expand: ['latest_invoice'],
    ...fields,
  });
  const invoice = subscription.latest_invoice;
  if (invoice === null || typeof invoice === 'string') throw new Error('no invoice');
  return { subscription, invoice };
}

describe('coupons and promotion codes', () => {
  it('take a percentage off the invoice, once', async () => {
    const coupon = await stripe.coupons.create({ percent_off: 25, duration: 'once' });
    const { subscription, invoice } = await subscribe((await payer()).id, {
      discounts: [{ coupon: coupon.id }],
    });
    expect(invoice).toMatchObject({
      subtotal: 2000,
      total: 1500,
      amount_due: 1500,
      status: 'paid',
    });
    expect(invoice.total_discount_amounts).toMatchObject([{ amount: 500 }]);
    expect((await stripe.subscriptions.retrieve(subscription.id)).discounts).toEqual([]);
    expect((await stripe.coupons.retrieve(coupon.id)).times_redeemed).toBe(1);
  });

  it('take an amount off all lines together, and stay for ever', async () => {
    const coupon = await stripe.coupons.create({
      amount_off: 500,
      currency: 'usd',
      duration: 'forever',
    });
    const addon = await stripe.prices.create({
      product: product.id,
      currency: 'usd',
      unit_amount: 1000,
      recurring: { interval: 'month' },
    });
    const { subscription, invoice } = await subscribe((await payer()).id, {
      items: [{ price: monthly.id }, { price: addon.id }],
      discounts: [{ coupon: coupon.id }],
    });
    expect(invoice).toMatchObject({ subtotal: 3000, total: 2500 });
    expect(subscription.discounts).toHaveLength(1);
  });

  it('limit a coupon to its products', async () => {
    const other = await stripe.products.create({ name: 'Other' });
    const coupon = await stripe.coupons.create({
      percent_off: 50,
      duration: 'once',
      applies_to: { products: [other.id] },
    });
    const { invoice } = await subscribe((await payer()).id, { discounts: [{ coupon: coupon.id }] });
    expect(invoice.total).toBe(2000);
    expect(
      (await stripe.coupons.retrieve(coupon.id, { expand: ['applies_to'] })).applies_to,
    ).toEqual({ products: [other.id] });
  });

  it('redeem a code until it is used up', async () => {
    const coupon = await stripe.coupons.create({ percent_off: 10, duration: 'once' });
    const code = await stripe.promotionCodes.create({
      promotion: { type: 'coupon', coupon: coupon.id },
      code: 'WELCOME',
      max_redemptions: 1,
    });
    expect(
      (await stripe.promotionCodes.list({ code: 'welcome', active: true })).data,
    ).toMatchObject([{ id: code.id }]);
    const { invoice } = await subscribe((await payer()).id, {
      discounts: [{ promotion_code: code.id }],
    });
    expect(invoice.total).toBe(1800);
    await expect(
      subscribe((await payer()).id, { discounts: [{ promotion_code: code.id }] }),
    ).rejects.toMatchObject({ type: 'StripeInvalidRequestError' });
    expect((await stripe.promotionCodes.retrieve(code.id)).active).toBe(false);
  });

  it('refuse contradictions with the field at fault', async () => {
    await expect(stripe.coupons.create({ duration: 'once' })).rejects.toMatchObject({
      statusCode: 400,
    });
    await expect(
      stripe.coupons.create({ percent_off: 10, duration: 'repeating' }),
    ).rejects.toMatchObject({ param: 'duration_in_months' });
    await expect(stripe.coupons.create({ amount_off: 10, duration: 'once' })).rejects.toMatchObject(
      { param: 'currency' },
    );
    await stripe.coupons.create({ id: 'TWICE', percent_off: 10, duration: 'once' });
    await expect(
      stripe.coupons.create({ id: 'TWICE', percent_off: 10, duration: 'once' }),
    ).rejects.toMatchObject({ code: 'resource_already_exists' });
  });
});

describe('tax rates and tax ids', () => {
  it('add exclusive tax and show inclusive tax', async () => {
    const exclusive = await stripe.taxRates.create({
      display_name: 'Sales tax',
      inclusive: false,
      percentage: 10,
    });
    const inclusive = await stripe.taxRates.create({
      display_name: 'VAT',
      inclusive: true,
      percentage: 25,
    });
    const one = await subscribe((await payer()).id, { default_tax_rates: [exclusive.id] });
    expect(one.invoice).toMatchObject({
      subtotal: 2000,
      total: 2200,
      total_taxes: [{ amount: 200, tax_behavior: 'exclusive' }],
    });
    const two = await subscribe((await payer()).id, { default_tax_rates: [inclusive.id] });
    expect(two.invoice).toMatchObject({
      total: 2000,
      total_excluding_tax: 1600,
      total_taxes: [{ amount: 400, tax_behavior: 'inclusive' }],
    });
  });

  it('keep the tax ids of a customer', async () => {
    const customer = await payer({ tax_id_data: [{ type: 'eu_vat', value: 'DE123456789' }] });
    const [known] = (await stripe.customers.listTaxIds(customer.id)).data;
    expect(known).toMatchObject({
      country: 'DE',
      type: 'eu_vat',
      verification: { status: 'pending' },
    });
    await stripe.customers.deleteTaxId(customer.id, known?.id ?? '');
    expect((await stripe.customers.listTaxIds(customer.id)).data).toEqual([]);
    expect(await account.eventTypes()).toEqual(
      expect.arrayContaining(['customer.tax_id.created', 'customer.tax_id.deleted']),
    );
  });
});

describe('the customer balance', () => {
  it('pays the next invoice, and says where it went', async () => {
    const customer = await payer();
    await stripe.customers.createBalanceTransaction(customer.id, {
      amount: -500,
      currency: 'usd',
      description: 'Sorry',
    });
    expect(await stripe.customers.retrieve(customer.id)).toMatchObject({ balance: -500 });
    const { invoice } = await subscribe(customer.id);
    expect(invoice).toMatchObject({
      total: 2000,
      amount_due: 1500,
      starting_balance: -500,
      ending_balance: 0,
    });
    const entries = (await stripe.customers.listBalanceTransactions(customer.id)).data;
    expect(entries.map((entry) => [entry.type, entry.amount, entry.ending_balance])).toEqual([
      ['applied_to_invoice', 500, 0],
      ['adjustment', -500, -500],
    ]);
  });
});

describe('credit notes', () => {
  it('lower an open invoice, and mark it paid when nothing is left', async () => {
    const customer = await stripe.customers.create({ email: 'a@b.test' });
    await stripe.invoiceItems.create({ customer: customer.id, amount: 1000, currency: 'usd' });
    const draft = await stripe.invoices.create({
      customer: customer.id,
      collection_method: 'send_invoice',
      days_until_due: 7,
      pending_invoice_items_behavior: 'include',
    });
    const open = await stripe.invoices.finalizeInvoice(draft.id ?? '');
    const note = await stripe.creditNotes.create({
      invoice: open.id,
      amount: 400,
      reason: 'order_change',
    });
    expect(note).toMatchObject({
      type: 'pre_payment',
      amount: 400,
      status: 'issued',
      number: `${open.number}-CN-01`,
    });
    expect(await stripe.invoices.retrieve(open.id)).toMatchObject({
      amount_remaining: 600,
      pre_payment_credit_notes_amount: 400,
      status: 'open',
    });
    const pdf = await fetch(note.pdf);
    expect((await PDFDocument.load(await pdf.arrayBuffer())).getTitle()).toBe(
      `Credit note ${note.number}`,
    );
    await stripe.creditNotes.voidCreditNote(note.id);
    expect(await stripe.invoices.retrieve(open.id)).toMatchObject({
      amount_remaining: 1000,
      pre_payment_credit_notes_amount: 0,
    });
    await stripe.creditNotes.create({ invoice: open.id, amount: 1000 });
    expect(await stripe.invoices.retrieve(open.id)).toMatchObject({
      amount_remaining: 0,
      status: 'paid',
    });
  });

  it('give back what was paid: to the card, to the balance', async () => {
    const customer = await payer();
    const { invoice } = await subscribe(customer.id);
    await expect(stripe.creditNotes.create({ invoice: invoice.id, amount: 1500 })).rejects.toThrow(
      /must equal/,
    );
    const note = await stripe.creditNotes.create({
      invoice: invoice.id,
      amount: 1500,
      refund_amount: 1000,
      credit_amount: 500,
    });
    expect(note).toMatchObject({
      type: 'post_payment',
      post_payment_amount: 1500,
      refunds: [{ amount_refunded: 1000 }],
    });
    expect(await stripe.customers.retrieve(customer.id)).toMatchObject({ balance: -500 });
    expect((await stripe.refunds.list()).data[0]).toMatchObject({
      amount: 1000,
      status: 'succeeded',
    });
    await expect(
      stripe.creditNotes.create({ invoice: invoice.id, amount: 600, credit_amount: 600 }),
    ).rejects.toThrow(/greater than/);
  });
});

describe('entitlements', () => {
  it('come and go with the subscription', async () => {
    const plan = await stripe.products.create({ name: 'With features' });
    const price = await stripe.prices.create({
      product: plan.id,
      currency: 'usd',
      unit_amount: 900,
      recurring: { interval: 'month' },
    });
    const feature = await stripe.entitlements.features.create({
      name: 'Single sign-on',
      lookup_key: 'sso',
    });
    await stripe.products.createFeature(plan.id, { entitlement_feature: feature.id });
    const customer = await payer();
    const { subscription } = await subscribe(customer.id, { items: [{ price: price.id }] });
    const active = await stripe.entitlements.activeEntitlements.list({
      customer: customer.id,
      expand: ['data.feature'],
    });
    expect(active.data).toMatchObject([{ lookup_key: 'sso', feature: { id: feature.id } }]);
    await stripe.subscriptions.cancel(subscription.id);
    expect(
      (await stripe.entitlements.activeEntitlements.list({ customer: customer.id })).data,
    ).toEqual([]);
    const events = await stripe.events.list({
      type: 'entitlements.active_entitlement_summary.updated',
    });
    expect(events.data).toHaveLength(2);
  });
});

describe('quotes and payment links', () => {
  it('turn an accepted quote into its subscription', async () => {
    const customer = await payer();
    const draft = await stripe.quotes.create({
      customer: customer.id,
      line_items: [{ price: monthly.id, quantity: 2 }],
    });
    expect(draft).toMatchObject({
      status: 'draft',
      amount_total: 4000,
      computed: { recurring: { amount_total: 4000, interval: 'month' } },
    });
    await expect(stripe.quotes.accept(draft.id)).rejects.toMatchObject({
      code: 'invalid_quote_status',
    });
    await stripe.quotes.finalizeQuote(draft.id);
    const accepted = await stripe.quotes.accept(draft.id, { expand: ['subscription'] });
    expect(accepted).toMatchObject({ status: 'accepted', subscription: { status: 'active' } });
    const pdf = await fetch(`${account.emulator.url}/v1/quotes/${draft.id}/pdf`, {
      headers: { Authorization: `Bearer ${account.key}` },
    });
    expect((await PDFDocument.load(await pdf.arrayBuffer())).getPageCount()).toBe(1);
    expect((await stripe.quotes.listLineItems(draft.id)).data).toMatchObject([
      { quantity: 2, amount_total: 4000 },
    ]);
  });

  it('lead from a payment link to a checkout session of its own', async () => {
    const link = await stripe.paymentLinks.create({
      line_items: [{ price: monthly.id, quantity: 1 }],
      subscription_data: { trial_period_days: 14 },
    });
    const visit = await fetch(link.url, { redirect: 'manual' });
    expect(visit.status).toBe(303);
    const [session] = (await stripe.checkout.sessions.list()).data;
    expect(visit.headers.get('location')).toBe(session?.url);
    expect(session).toMatchObject({ mode: 'subscription', payment_link: link.id, amount_total: 0 });
    await stripe.paymentLinks.update(link.id, { active: false });
    expect((await fetch(link.url, { redirect: 'manual' })).status).toBe(410);
  });
});

describe('plans', () => {
  it('are prices by an older name', async () => {
    const plan = await stripe.plans.create({
      currency: 'usd',
      interval: 'month',
      amount: 700,
      product: { name: 'Old style' },
    });
    expect(await stripe.prices.retrieve(plan.id)).toMatchObject({
      unit_amount: 700,
      recurring: { interval: 'month' },
    });
    expect((await stripe.plans.list({ product: idOf(plan.product) ?? '' })).data).toMatchObject([
      { id: plan.id, amount: 700 },
    ]);
    expect(await stripe.plans.del(plan.id)).toMatchObject({ deleted: true });
  });
});

describe('credit grants', () => {
  it('keep a ledger', async () => {
    const customer = await payer();
    const grant = await stripe.billing.creditGrants.create({
      customer: customer.id,
      amount: { type: 'monetary', monetary: { currency: 'usd', value: 1000 } },
      applicability_config: { scope: { price_type: 'metered' } },
      category: 'promotional',
    });
    const summary = () =>
      stripe.billing.creditBalanceSummaries.retrieve({
        customer: customer.id,
        filter: { type: 'applicability_scope', applicability_scope: { price_type: 'metered' } },
      });
    expect((await summary()).balances[0]?.available_balance.monetary).toEqual({
      currency: 'usd',
      value: 1000,
    });
    await stripe.billing.creditGrants.voidGrant(grant.id);
    expect((await summary()).balances[0]?.available_balance.monetary).toEqual({
      currency: 'usd',
      value: 0,
    });
    const ledger = await stripe.billing.creditBalanceTransactions.list({ customer: customer.id });
    expect(ledger.data.map((entry) => entry.type)).toEqual(['debit', 'credit']);
  });
});
