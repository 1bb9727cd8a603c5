import { describe, expect, it } from 'vitest';
import { mayCredit, periodPayment, type PeriodInvoice } from '../../state/period-payment.ts';

const PAID: PeriodInvoice = { status: 'paid', total: 5_000, returned: 0, disputed: false };

describe('How a period was paid', () => {
  it.each([
    ['paid', [PAID]],
    ['free', [{ ...PAID, total: 0 }]],
    ['draft', [{ ...PAID, status: 'draft' }, PAID]],
    ['unpaid', [{ ...PAID, status: 'open' }, PAID]],
    ['unpaid', [{ ...PAID, status: 'uncollectible' }]],
    [
      'returned',
      [
        { ...PAID, returned: 1 },
        { ...PAID, status: 'open' },
      ],
    ],
    ['returned', [{ ...PAID, disputed: true }]],
    ['unknown', []],
  ] as const)('%s', (expected, invoices) => {
    expect(periodPayment(invoices)).toBe(expected);
  });
});

describe('Credit', () => {
  const FLEXIBLE = { kind: 'upgrade', billingMode: 'flexible' } as const;
  const CLASSIC = { kind: 'upgrade', billingMode: 'classic' } as const;

  it('M-7: of a free period is what was debited, and classic billing credits the price', () => {
    expect([mayCredit('free', FLEXIBLE), mayCredit('free', CLASSIC)]).toEqual([true, false]);
  });

  it('M-4: is never given for what is not paid, or came back', () => {
    for (const payment of ['unpaid', 'returned'] as const) {
      expect([mayCredit(payment, FLEXIBLE), mayCredit(payment, CLASSIC)]).toEqual([false, false]);
    }
  });

  it('M-33: of a draft is for an upgrade, which collects it first', () => {
    const kinds = ['upgrade', 'downgrade', 'pause'] as const;
    const may = kinds.map((kind) => mayCredit('draft', { ...FLEXIBLE, kind }));
    expect(may).toEqual([true, false, false]);
  });
});
