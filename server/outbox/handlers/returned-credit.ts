import type Stripe from 'stripe';
import type { SubscriptionRow } from '../../../db/subscriptions.ts';
import { uncoveredCredit, type PaidInvoice } from '../../../state/returned-credit.ts';
import { amountReturned, countedReturns, type MoneyReturn } from '../../../state/returns.ts';
import type { EngineContext } from '../../sync/context.ts';

/** On entries of the balance that take credit back, or bring it again: the subscription whose payment came back. */
const MARK = 'tenure_returned';
/** As it was called when only disputes did so. */
const FORMER_MARK = 'tenure_disputed';

/**
 * A change or a pause made credit of paid time, and then the payment was refunded or disputed: the credit is taken back too,
 * as far as it is left, and given again when the dispute is won or the refund fails. Returns what was spent by then.
 */
export async function settleReturnedCredit(
  ctx: EngineContext,
  { id, customerId, userId }: SubscriptionRow,
  all: readonly MoneyReturn[],
): Promise<number> {
  const { stripe, config } = ctx.core;
  const isMoney = all.some(({ kind }) => kind === 'dispute' || kind === 'refund');
  if (userId === null || !isMoney) return 0;
  const counted = countedReturns(all, config.returns);
  const paid = (await stripe.invoicesOf(id, 100)).filter(({ status }) => status === 'paid');
  if (paid.every(({ total }) => total >= 0)) return 0;
  const uncovered = uncoveredCredit(paid.map((invoice) => asPaid(invoice, counted)));
  const marked = (await stripe.allBalanceEntries(customerId)).filter(
    ({ metadata }) => metadata?.[MARK] === id || metadata?.[FORMER_MARK] === id,
  );
  const missing = uncovered - marked.reduce((sum, { amount }) => sum + amount, 0);
  const customer = await stripe.retrieveCustomer(customerId);
  if (missing === 0 || customer.deleted) return 0;
  const amount = missing > 0 ? Math.min(missing, Math.max(0, -customer.balance)) : missing;
  if (amount === 0) return missing;
  await stripe.giveCredit(
    {
      customerId,
      userId,
      amount: -amount,
      currency: customer.currency ?? all[0]!.currency,
      description:
        amount > 0 ? 'Credit of a payment that was returned' : 'The payment is kept after all',
      metadata: { [MARK]: id },
    },
    `tenure-returned-${id}-${marked.length}-${amount}`,
  );
  return missing - amount;
}

function asPaid(invoice: Stripe.Invoice, counted: readonly MoneyReturn[]): PaidInvoice {
  const ends = invoice.lines.data.flatMap(({ amount, period }) => (amount > 0 ? [period.end] : []));
  return {
    createdAt: invoice.created * 1000,
    total: invoice.total,
    paidUntil: ends.length > 0 ? Math.max(...ends) * 1000 : null,
    returned: amountReturned(counted.filter(({ invoiceId }) => invoiceId === invoice.id)),
  };
}
