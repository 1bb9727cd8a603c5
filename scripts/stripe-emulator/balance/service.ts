import type Stripe from 'stripe';
import type { BalanceService } from '../contracts.ts';
import type { Context } from '../kernel/context.ts';
import { useCredits } from './credit-grants.ts';

/** One change of a customer's balance; `amount` in minor units, negative = in the customer's favour. */
export interface BalanceChange {
  readonly customer: string;
  readonly amount: number;
  readonly currency: string;
  readonly type: Stripe.CustomerBalanceTransaction['type'];
  readonly invoice?: string | null;
  readonly creditNote?: string | null;
  readonly description?: string | null;
  readonly metadata?: Record<string, string>;
}

/** Changes the balance, records the transaction, tells of the customer's change. */
export function changeBalance(
  ctx: Context,
  change: BalanceChange,
): Stripe.CustomerBalanceTransaction {
  const customer = ctx.store.need('customer', change.customer, 'customer');
  ctx.update('customer', customer, {
    event: 'customer.updated',
    apply() {
      customer.balance += change.amount;
      customer.currency ??= change.currency;
    },
  });
  return recordChange(ctx, change);
}

/** The transaction of a change that the customer shows already. */
export function recordChange(
  ctx: Context,
  change: BalanceChange,
): Stripe.CustomerBalanceTransaction {
  const customer = ctx.store.need('customer', change.customer, 'customer');
  return ctx.add('customer_balance_transaction', {
    id: ctx.store.newId('customer_balance_transaction'),
    object: 'customer_balance_transaction',
    amount: change.amount,
    checkout_session: null,
    created: ctx.nowFor(customer.id),
    credit_note: change.creditNote ?? null,
    currency: change.currency,
    customer: customer.id,
    customer_account: null,
    description: change.description ?? null,
    ending_balance: customer.balance,
    invoice: change.invoice ?? null,
    livemode: false,
    metadata: change.metadata ?? {},
    type: change.type,
  });
}

/** The customer's balance and credit grants as the invoice engine uses them. */
export const balanceService: BalanceService = {
  adjust(ctx, request) {
    changeBalance(ctx, request);
  },
  applyCreditGrants: useCredits,
};
