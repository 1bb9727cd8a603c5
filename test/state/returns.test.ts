import { describe, expect, it } from 'vitest';
import { allowedActions } from '../../state/actions.ts';
import { storedIn } from './factories.ts';
import {
  amountReturned,
  endsSubscription,
  restrictionOf,
  type MoneyReturn,
} from '../../state/returns.ts';

const NOW = Date.UTC(2026, 5, 15);
const END = Date.UTC(2026, 6, 1);
const POLICY = { onDispute: 'suspend', onFullRefund: 'end' } as const;
const AT = { now: NOW, present: null };

function returned(over: Partial<MoneyReturn>): MoneyReturn {
  return {
    id: 're_1',
    kind: 'refund',
    chargeId: 'ch_1',
    invoiceId: 'in_1',
    subscriptionId: 'sub_1',
    customerId: 'cus_1',
    amount: 5000,
    currency: 'usd',
    status: 'succeeded',
    reason: null,
    createdAt: NOW - 1000,
    paid: { amount: 5000, periodStart: Date.UTC(2026, 5, 1), periodEnd: END },
    ...over,
  };
}
const dispute = (status: string) => returned({ id: 'dp_1', kind: 'dispute', status });

describe('R-1: money that came back', () => {
  it('ends access until the end of a period that was refunded in full, in one refund or several', () => {
    const whole = { reason: 'refunded', since: NOW - 1000, until: END };
    expect(restrictionOf([returned({})], POLICY, AT)).toEqual(whole);
    const halves = [returned({ amount: 2500 }), returned({ id: 're_2', amount: 2500 })];
    expect(restrictionOf(halves, POLICY, AT)).toEqual(whole);
  });

  it.each([
    ['the invoice of the period', { end: END, invoiceId: 'in_1', tookMoney: true }, END],
    [
      'a shorter one, paid with its credit',
      { end: END - 5, invoiceId: 'in_2', tookMoney: false },
      END - 5,
    ],
    [
      'one that was paid with money since',
      { end: END + 5, invoiceId: 'in_2', tookMoney: true },
      null,
    ],
  ])('ends the present period and no other: %s', (_, present, until) => {
    const restriction = restrictionOf([returned({})], POLICY, { now: NOW, present });
    expect(restriction?.until ?? null).toBe(until);
  });

  it.each([
    ['a part came back', [returned({ amount: 4999 })]],
    ['the refund failed', [returned({ status: 'failed' })]],
    ['the period is over', [returned({ paid: { amount: 5000, periodStart: 0, periodEnd: NOW } })]],
    [
      'it paid for no period',
      [returned({ paid: { amount: 5000, periodStart: null, periodEnd: null } })],
    ],
    [
      'two payments were refunded in part',
      [
        returned({ amount: 2500 }),
        returned({ id: 're_2', chargeId: 'ch_2', invoiceId: 'in_2', amount: 2500 }),
      ],
    ],
  ])('changes nothing when %s', (_, returns) => {
    expect(restrictionOf(returns, POLICY, AT)).toBeNull();
  });

  it.each(['needs_response', 'under_review', 'lost'])(
    'suspends access while a dispute is %s',
    (status) => {
      expect(restrictionOf([dispute(status)], POLICY, AT)).toMatchObject({
        reason: 'disputed',
        until: null,
      });
    },
  );

  it.each(['won', 'warning_needs_response', 'warning_under_review', 'warning_closed'])(
    'leaves access when a dispute is %s',
    (status) => expect(restrictionOf([dispute(status)], POLICY, AT)).toBeNull(),
  );

  it('keeps access where the policies say so', () => {
    const keep = { onDispute: 'keep', onFullRefund: 'keep' } as const;
    expect(restrictionOf([dispute('lost'), returned({})], keep, AT)).toBeNull();
    expect(endsSubscription([dispute('lost')], keep)).toBe(false);
  });

  it('ends the subscription when a dispute is lost, or at once where disputes cancel', () => {
    expect(endsSubscription([dispute('needs_response')], POLICY)).toBe(false);
    expect(endsSubscription([dispute('lost')], POLICY)).toBe(true);
    const cancel = { ...POLICY, onDispute: 'cancel' } as const;
    expect(endsSubscription([dispute('needs_response')], cancel)).toBe(true);
    expect(endsSubscription([dispute('won')], cancel)).toBe(false);
    expect(endsSubscription([returned({})], cancel)).toBe(false);
  });

  it('does not let the customer take off the stop of a dispute', () => {
    const stored = storedIn('active', { pause_collection: { behavior: 'void', resumes_at: null } });
    const restriction = { reason: 'disputed', since: NOW, until: null } as const;
    expect(allowedActions(stored)).toContain('resume');
    expect(allowedActions({ ...stored, restriction })).not.toContain('resume');
  });

  it('adds up what went back', () => {
    const all = [
      returned({ amount: 1000 }),
      dispute('needs_response'),
      returned({ id: 're_3', status: 'canceled' }),
    ];
    expect(amountReturned(all)).toBe(6000);
    expect(amountReturned([dispute('won')])).toBe(0);
  });
});
