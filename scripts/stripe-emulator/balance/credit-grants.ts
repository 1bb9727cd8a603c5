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

/** Pays the metered lines of an invoice from the customer's grants, line by line; its total falls by what they paid. */
export function useCredits(ctx: Context, invoice: Stripe.Invoice): void {
  const customer = idOf(invoice.customer);
  if (customer === null || ctx.store.by('billing.credit_grant', 'customer', customer).length === 0)
    return;
  for (const line of invoice.lines.data) {
    const price = ctx.store.find('price', idOf(line.pricing?.price_details?.price));
    if (price?.recurring?.usage_type !== 'metered') continue;
    const off = (line.discount_amounts ?? []).reduce((sum, share) => sum + share.amount, 0);
    payLine(ctx, invoice, { line, price, customer, open: line.amount - off });
  }
}

interface OpenLine {
  readonly line: Stripe.InvoiceLineItem;
  readonly price: Stripe.Price;
  readonly customer: string;
  /** What discounts left of the line, in minor units. */
  readonly open: number;
}

function payLine(
  ctx: Context,
  invoice: Stripe.Invoice,
  { line, price, customer, open }: OpenLine,
): void {
  let left = open;
  for (const grant of usableGrants(ctx, customer, invoice.currency)) {
    const { prices } = grant.applicability_config.scope;
    const covered = prices === undefined || prices.some(({ id }) => id === price.id);
    const taken = covered ? Math.min(left, ledgerBalance(ctx, grant)) : 0;
    if (taken <= 0) continue;
    const entry = recordEntry(ctx, grant, {
      credit: null,
      debit: {
        amount: monetary(grant, taken),
        credits_applied: { invoice: invoice.id, invoice_line_item: line.id },
        type: 'credits_applied',
      },
    });
    const credit = {
      amount: taken,
      credit_balance_transaction: entry.id,
      type: 'credit_balance_transaction',
    };
    line.pretax_credit_amounts = [...(line.pretax_credit_amounts ?? []), credit];
    invoice.total_pretax_credit_amounts = [...(invoice.total_pretax_credit_amounts ?? []), credit];
    invoice.total -= taken;
    if (invoice.total_excluding_tax !== null) invoice.total_excluding_tax -= taken;
    left -= taken;
  }
}
