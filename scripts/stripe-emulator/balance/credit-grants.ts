import type Stripe from 'stripe';
import type { Context } from '../kernel/context.ts';
import { idOf } from '../kernel/ids.ts';

type Grant = Stripe.Billing.CreditGrant;
type Entry = Stripe.Billing.CreditBalanceTransaction;

/** Records a credit or a debit of a grant; `value` in minor units. */
export function recordEntry(
  ctx: Context,
  grant: Grant,
  entry: { credit: Entry['credit']; debit: Entry['debit'] },
): Entry {
  const now = ctx.nowFor(idOf(grant.customer));
  const transaction = ctx.add('billing.credit_balance_transaction', {
    id: ctx.store.newId('billing.credit_balance_transaction'),
    object: 'billing.credit_balance_transaction',
    created: now,
    credit: entry.credit,
    credit_grant: grant.id,
    debit: entry.debit,
    effective_at: entry.credit === null ? now : (grant.effective_at ?? now),
    livemode: false,
    test_clock: grant.test_clock,
    type: entry.credit === null ? 'debit' : 'credit',
  });
  ctx.emit('billing.credit_balance_transaction.created', transaction);
  return transaction;
}

export function monetary(
  grant: Grant,
  value: number,
): { monetary: { currency: string; value: number }; type: 'monetary' } {
  return {
    monetary: { currency: grant.amount.monetary?.currency ?? 'usd', value },
    type: 'monetary',
  };
}

/** What is left of a grant, in minor units: its credits minus its debits. */
export function ledgerBalance(ctx: Context, grant: Grant): number {
  let balance = 0;
  for (const entry of ctx.store.of('billing.credit_balance_transaction').values()) {
    if (idOf(entry.credit_grant) !== grant.id) continue;
    balance += entry.credit?.amount.monetary?.value ?? 0;
    balance -= entry.debit?.amount.monetary?.value ?? 0;
  }
  return balance;
}

/** True while the grant may pay for usage. */
export function isOpen(grant: Grant, now: number): boolean {
  const begun = (grant.effective_at ?? 0) <= now;
  return begun && grant.voided_at === null && (grant.expires_at === null || grant.expires_at > now);
}

/** Grants in the order in which they are used: priority, then the sooner expiry, then promotional, then age. */
export function usableGrants(ctx: Context, customer: string, currency: string): Grant[] {
  const now = ctx.nowFor(customer);
  return ctx.store
    .by('billing.credit_grant', 'customer', customer)
    .filter((grant) => isOpen(grant, now) && grant.amount.monetary?.currency === currency)
    .toSorted(
      (a, b) =>
        (a.priority ?? 50) - (b.priority ?? 50) ||
        (a.expires_at ?? Infinity) - (b.expires_at ?? Infinity) ||
        Number(a.category === 'paid') - Number(b.category === 'paid') ||
        a.created - b.created,
    );
}

/** Pays up to `amount` of an invoice's metered lines from the customer's grants; returns what was paid. */
export function useCredits(
  ctx: Context,
  request: { customer: string; invoice: string; amount: number; currency: string },
): number {
  let left = request.amount;
  for (const grant of usableGrants(ctx, request.customer, request.currency)) {
    const taken = Math.min(left, ledgerBalance(ctx, grant));
    if (taken <= 0) continue;
    recordEntry(ctx, grant, {
      credit: null,
      debit: {
        amount: monetary(grant, taken),
        credits_applied: { invoice: request.invoice, invoice_line_item: '' },
        type: 'credits_applied',
      },
    });
    left -= taken;
  }
  return request.amount - left;
}
