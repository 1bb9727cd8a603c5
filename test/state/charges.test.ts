import { describe, expect, it } from 'vitest';
import { explainInvoice, type ChargeContext } from '../../state/charges.ts';
import { CATALOGUE, DAY, T0 } from './factories.ts';

const at = (seconds: number) => seconds * 1000;
const CHANGED = T0 + 10 * DAY;

const CONTEXT: ChargeContext = {
  catalogue: {
    ...CATALOGUE,
    plans: CATALOGUE.plans.map((plan) =>
      plan.id === 'pro'
        ? { ...plan, meters: [{ meter: 'calls', priceId: 'price_calls', eventName: 'calls' }] }
        : plan,
    ),
  },
  lines: [
    {
      to: 'active',
      from: 'none',
      event: 'paid',
      at: at(T0),
      causeId: 'evt_1',
      actor: 'stripe',
      requestId: null,
    },
    {
      to: 'active',
      from: 'active',
      event: 'upgraded',
      at: at(CHANGED) + 1_000,
      causeId: 'evt_2',
      actor: 'user:dana',
      requestId: 'req_7',
    },
  ],
  quotes: [{ prorationAt: at(CHANGED), amountDue: 1_333 }],
};

const line = (amount: number, price: string, more: object = {}) => ({
  amount,
  quantity: 1,
  description: `what Stripe calls ${price}`,
  period: { start: T0, end: T0 + 30 * DAY },
  pricing: { price_details: { price } },
  parent: { subscription_item_details: { proration: false } },
  ...more,
});

const proration = {
  period: { start: CHANGED, end: T0 + 30 * DAY },
  parent: { subscription_item_details: { proration: true } },
};

const invoice = (lines: object[], more: object = {}) => ({
  created: T0,
  total: 0,
  amount_due: 0,
  lines: { data: lines, has_more: false },
  ...more,
});

describe('a charge is explained', () => {
  it('by the plan and its period, and the transition of its time', () => {
    const lines = [line(6000, 'price_pro_month', { quantity: 2 })];
    const explained = explainInvoice(invoice(lines, { total: 6000, amount_due: 6000 }), CONTEXT);
    expect(explained).toMatchObject({ addsUp: true, credit: 0, due: 6000 });
    expect(explained.lines).toEqual([
      {
        what: { kind: 'plan', name: 'Pro, monthly', quantity: 2 },
        period: { from: at(T0), until: at(T0 + 30 * DAY) },
        amount: 6000,
        discount: 0,
        tax: 0,
        because: { event: 'paid', actor: 'stripe', requestId: null, step: 1 },
        quoted: null,
      },
    ]);
  });

  it('by the change that it comes from, who made it, and the quote that promised it', () => {
    const lines = [
      line(-667, 'price_starter_month', proration),
      line(2000, 'price_pro_month', proration),
    ];
    const told = invoice(lines, { total: 1333, amount_due: 1333, created: CHANGED });
    const explained = explainInvoice(told, CONTEXT);
    expect(explained.addsUp).toBe(true);
    expect(explained.lines.map(({ what }) => what)).toEqual([
      { kind: 'credit', name: 'Starter, monthly' },
      { kind: 'rest', name: 'Pro, monthly' },
    ]);
    for (const { because, quoted } of explained.lines) {
      expect(because).toEqual({
        event: 'upgraded',
        actor: 'user:dana',
        requestId: 'req_7',
        step: 2,
      });
      expect(quoted).toBe(1_333);
    }
  });

  it('with usage by its meter, discount, tax that is added, and credit that was used', () => {
    const more = {
      discount_amounts: [{ amount: 500 }],
      taxes: [
        { amount: 475, tax_behavior: 'exclusive' },
        { amount: 80, tax_behavior: 'inclusive' },
      ],
    };
    const lines = [
      line(3000, 'price_pro_month', more),
      line(120, 'price_calls', { quantity: 240 }),
    ];
    const explained = explainInvoice(invoice(lines, { total: 3095, amount_due: 2095 }), CONTEXT);
    expect(explained).toMatchObject({ addsUp: true, total: 3095, credit: 1000, due: 2095 });
    expect(explained.lines[0]).toMatchObject({ discount: 500, tax: 475 });
    expect(explained.lines[1]?.what).toEqual({ kind: 'usage', meter: 'calls', quantity: 240 });
  });

  it('without guessing: what is of no plan keeps Stripe’s words, and what does not add up is said', () => {
    const lines = [line(700, 'price_else')];
    const explained = explainInvoice(
      invoice(lines, { total: 900, created: T0 + 20 * DAY }),
      CONTEXT,
    );
    expect(explained.addsUp).toBe(false);
    expect(explained.lines[0]).toMatchObject({
      what: { kind: 'other', name: 'what Stripe calls price_else' },
      because: null,
      quoted: null,
    });
    const cut = { ...invoice(lines), lines: { data: lines, has_more: true } };
    expect(explainInvoice(cut, CONTEXT).addsUp).toBeNull();
  });
});
