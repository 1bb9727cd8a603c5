import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as fc from 'fast-check';
import type { Stripe } from 'stripe';
import { invoiceOf, itemOf, recurringPrice, traveller, utc } from './clock.ts';
import { emulatedAccount, type EmulatedAccount } from './emulated-account.ts';

let account: EmulatedAccount;
let stripe: Stripe;

beforeAll(async () => {
  account = await emulatedAccount();
  stripe = account.stripe;
});
afterAll(() => account.close());

interface Case {
  name: string;
  start: string;
  at: string;
  from: number;
  to: number;
  credit: number;
  debit: number;
  currency?: string;
  interval?: 'month' | 'year';
}

const WORKED: Case[] = [
  {
    name: 'Nov 11 12:34:56 of November',
    start: '2025-11-01',
    at: '2025-11-11T12:34:56',
    from: 2000,
    to: 5000,
    credit: -1298,
    debit: 3246,
  },
  {
    name: 'ten minutes later',
    start: '2025-11-01',
    at: '2025-11-11T12:44:56',
    from: 2000,
    to: 5000,
    credit: -1298,
    debit: 3245,
  },
  {
    name: 'the middle of January',
    start: '2026-01-01',
    at: '2026-01-15',
    from: 999,
    to: 2999,
    credit: -548,
    debit: 1645,
  },
  {
    name: '92 days before the end of a year',
    start: '2025-01-01',
    at: '2025-10-01',
    from: 12_000,
    to: 24_000,
    credit: -3025,
    debit: 6049,
    interval: 'year',
  },
  {
    name: 'yen, 20 of 30 days left',
    start: '2025-11-01',
    at: '2025-11-11',
    from: 980,
    to: 1980,
    credit: -653,
    debit: 1320,
    currency: 'jpy',
  },
];

describe('a change of price is prorated to the second', () => {
  it.each(WORKED)(
    '$name: $credit and $debit',
    async ({ start, at, from, to, credit, debit, currency, interval }) => {
      const { customer, to: travel } = await traveller(stripe, start);
      const low = await recurringPrice(stripe, from, { currency, interval });
      const high = await recurringPrice(stripe, to, { currency, interval });
      const before = await stripe.subscriptions.create({
        customer: customer.id,
        items: [{ price: low }],
      });
      await travel(at);
      const change = [{ id: itemOf(before).id, price: high }];
      const quote = await stripe.invoices.createPreview({
        subscription: before.id,
        subscription_details: {
          items: change,
          proration_behavior: 'always_invoice',
          proration_date: utc(at),
        },
      });
      const after = await stripe.subscriptions.update(before.id, {
        items: change,
        proration_behavior: 'always_invoice',
        proration_date: utc(at),
        expand: ['latest_invoice'],
      });
      const invoice = invoiceOf(after);
      expect(invoice.lines.data.map((line) => line.amount)).toEqual([credit, debit]);
      expect(invoice.amount_paid).toBe(credit + debit);
      expect(quote.amount_due).toBe(invoice.amount_paid);
      expect(invoice.billing_reason).toBe('subscription_update');
      for (const line of invoice.lines.data)
        expect(line.parent?.subscription_item_details?.proration).toBe(true);
    },
  );

  it('leaves the quote without any trace', async () => {
    const { customer, news } = await traveller(stripe, '2026-01-01');
    const [low, high] = [await recurringPrice(stripe, 1000), await recurringPrice(stripe, 2000)];
    const subscription = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: low }],
    });
    await news();
    const items = [{ id: itemOf(subscription).id, price: high }];
    const quote = await stripe.invoices.createPreview({
      subscription: subscription.id,
      subscription_details: { items, proration_behavior: 'always_invoice' },
    });
    expect(quote.id).toMatch(/^upcoming_in_/);
    expect(await stripe.subscriptions.retrieve(subscription.id)).toMatchObject({
      items: { data: [{ price: { id: low } }] },
      latest_invoice: subscription.latest_invoice,
    });
    expect((await stripe.invoiceItems.list({ customer: customer.id })).data).toEqual([]);
    expect(await news()).toEqual([]);
  });
});

describe('what a credit gives back depends on the billing mode', () => {
  it.each([
    { mode: 'flexible' as const, credit: -333, net: 0 },
    { mode: 'classic' as const, credit: -667, net: -334 },
  ])('$mode: 10 to 20 unbilled, back to 10 invoiced, is $net', async ({ mode, credit, net }) => {
    const { customer, to } = await traveller(stripe, '2026-04-01');
    const [ten, twenty] = [await recurringPrice(stripe, 1000), await recurringPrice(stripe, 2000)];
    const subscription = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: ten }],
      billing_mode: { type: mode },
    });
    const { id } = itemOf(subscription);
    await to('2026-04-11');
    await stripe.subscriptions.update(subscription.id, {
      items: [{ id, price: twenty }],
      proration_behavior: 'none',
    });
    await to('2026-04-21');
    const back = await stripe.subscriptions.update(subscription.id, {
      items: [{ id, price: ten }],
      proration_behavior: 'always_invoice',
      expand: ['latest_invoice'],
    });
    const invoice = invoiceOf(back);
    expect(invoice.lines.data.map((line) => line.amount)).toEqual([credit, 333]);
    expect(invoice.total).toBe(net);
  });

  it('names the invoice line that a credit gives back', async () => {
    const { customer, to } = await traveller(stripe, '2026-04-01');
    const [ten, twenty] = [await recurringPrice(stripe, 1000), await recurringPrice(stripe, 2000)];
    const subscription = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: ten }],
      expand: ['latest_invoice'],
    });
    const [paid] = invoiceOf(subscription).lines.data;
    await to('2026-04-16');
    const after = await stripe.subscriptions.update(subscription.id, {
      items: [{ id: itemOf(subscription).id, price: twenty }],
      proration_behavior: 'always_invoice',
      expand: ['latest_invoice'],
    });
    const [credit] = invoiceOf(after).lines.data;
    expect(credit?.parent?.subscription_item_details?.proration_details?.credited_items).toEqual({
      invoice: invoiceOf(subscription).id,
      invoice_line_items: [paid?.id],
    });
  });

  it('keeps the anchor in flexible mode, and moves it on request', async () => {
    const { customer, to } = await traveller(stripe, '2026-01-01');
    const monthly = await recurringPrice(stripe, 1000);
    const yearly = await recurringPrice(stripe, 10_000, { interval: 'year' });
    const subscription = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: monthly }],
    });
    await to('2026-01-16');
    const after = await stripe.subscriptions.update(subscription.id, {
      items: [{ id: itemOf(subscription).id, price: yearly }],
      billing_cycle_anchor: { type: 'now' },
      expand: ['latest_invoice'],
    });
    expect(after.billing_cycle_anchor).toBe(utc('2026-01-16'));
    expect(itemOf(after).current_period_end).toBe(utc('2027-01-16'));
    expect(invoiceOf(after).total).toBe(10_000 - 516);
    expect(subscription.billing_cycle_anchor).toBe(utc('2026-01-01'));
  });
});

describe('random upgrades', () => {
  it('charge what was quoted, and never lose or make a cent: credit and debit are shares of the full prices', async () => {
    const { customer } = await traveller(stripe, '2026-01-01');
    const cases = fc.record({
      from: fc.integer({ min: 100, max: 50_000 }),
      more: fc.integer({ min: 100, max: 50_000 }),
      day: fc.integer({ min: 1, max: 27 }),
      quantity: fc.integer({ min: 1, max: 7 }),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ from, more, day, quantity }) => {
        const [low, high] = [
          await recurringPrice(stripe, from),
          await recurringPrice(stripe, from + more),
        ];
        const subscription = await stripe.subscriptions.create({
          customer: customer.id,
          items: [{ price: low, quantity }],
        });
        const at = utc('2026-01-01') + day * 86_400;
        const items = [{ id: itemOf(subscription).id, price: high, quantity }];
        const quote = await stripe.invoices.createPreview({
          subscription: subscription.id,
          subscription_details: { items, proration_behavior: 'always_invoice', proration_date: at },
        });
        const after = await stripe.subscriptions.update(subscription.id, {
          items,
          proration_behavior: 'always_invoice',
          proration_date: at,
          expand: ['latest_invoice'],
        });
        const [credit = Number.NaN, debit = Number.NaN] = invoiceOf(after).lines.data.map(
          (line) => line.amount,
        );
        const share = (31 - day) / 31;
        expect(Math.abs(credit + from * quantity * share)).toBeLessThanOrEqual(0.5001);
        expect(Math.abs(debit - (from + more) * quantity * share)).toBeLessThanOrEqual(0.5001);
        expect(invoiceOf(after).total).toBe(quote.total);
        await stripe.subscriptions.cancel(subscription.id);
      }),
      { numRuns: 12 },
    );
  });
});
