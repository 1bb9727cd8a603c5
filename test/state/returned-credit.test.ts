import { describe, expect, it } from 'vitest';
import { uncoveredCredit, type PaidInvoice } from '../../state/returned-credit.ts';

const DAY = 86_400_000;
const YEAR = 365 * DAY;
const paid = (over: Partial<PaidInvoice>): PaidInvoice => ({
  createdAt: 0,
  total: 50_000,
  paidUntil: YEAR,
  returned: 0,
  ...over,
});
const credit = (createdAt: number, total: number): PaidInvoice =>
  paid({ createdAt, total, paidUntil: createdAt + 30 * DAY });

describe('Credit of a payment that came back', () => {
  it('is all that is more than what was kept', () => {
    const down = credit(DAY, -47_863);
    expect(uncoveredCredit([down, paid({})])).toBe(0);
    expect(uncoveredCredit([down, paid({ returned: 1_000 })])).toBe(0);
    expect(uncoveredCredit([down, paid({ returned: 10_000 })])).toBe(7_863);
    expect(uncoveredCredit([down, paid({ returned: 50_000 })])).toBe(47_863);
    expect(uncoveredCredit([down, paid({ returned: 99_999 })])).toBe(47_863);
  });

  it('counts what was paid for one time once, however often it became credit', () => {
    const source = paid({ returned: 25_000 });
    expect(uncoveredCredit([source, credit(DAY, -20_000), credit(2 * DAY, -20_000)])).toBe(15_000);
  });

  it('leaves credit of another time, and what others gave', () => {
    const over = paid({ paidUntil: 30 * DAY, total: 5_000, returned: 5_000 });
    const later = paid({ createdAt: 31 * DAY, total: 5_000, paidUntil: 61 * DAY });
    expect(uncoveredCredit([over, later, credit(32 * DAY, -4_900)])).toBe(0);
    expect(uncoveredCredit([credit(DAY, -4_900)])).toBe(0);
    const part = paid({ total: 2_000, returned: 500 });
    expect(uncoveredCredit([part, credit(DAY, -9_000)])).toBe(500);
  });
});
