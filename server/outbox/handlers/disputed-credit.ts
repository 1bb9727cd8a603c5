import type { SubscriptionRow } from '../../../db/subscriptions.ts';
import { isAdverse, type MoneyReturn } from '../../../state/returns.ts';
import type { EngineContext } from '../../sync/context.ts';

/** On entries of the balance that take credit back, or bring it again: the subscription whose payment is disputed. */
const MARK = 'tenure_disputed';

/**
 * A change or a pause made credit of paid time, and then the bank took the payment back: the credit is taken back too, as far
 * as it is left, and given again when the dispute is won.
 */
export async function settleDisputedCredit(
  ctx: EngineContext,
  { id, customerId, userId }: SubscriptionRow,
  all: readonly MoneyReturn[],
): Promise<void> {
  const { stripe, config } = ctx.core;
  const isOff = config.returns.onDispute === 'keep' || userId === null;
  if (isOff || !all.some(({ kind }) => kind === 'dispute')) return;
  const given = sum(
    (await stripe.invoicesOf(id, 100)).map(({ status, total }) =>
      status === 'paid' ? Math.max(0, -total) : 0,
    ),
  );
  if (given === 0) return;
  const disputed = sum(all.filter(isAdverse).map(({ amount }) => amount));
  const entries = await stripe.listBalanceEntries({ customerId, limit: 100, startingAfter: null });
  const marked = entries.data.filter(({ metadata }) => metadata?.[MARK] === id);
  const taken = sum(marked.map(({ amount }) => amount));
  const missing = Math.min(disputed, given) - taken;
  const customer = await stripe.retrieveCustomer(customerId);
  if (missing === 0 || customer.deleted) return;
  const amount = missing > 0 ? Math.min(missing, Math.max(0, -customer.balance)) : missing;
  if (amount === 0) return;
  await stripe.giveCredit(
    {
      customerId,
      userId,
      amount: -amount,
      currency: customer.currency ?? all[0]!.currency,
      description: amount > 0 ? 'Credit of a disputed payment' : 'The dispute was won',
      metadata: { [MARK]: id },
    },
    `tenure-disputed-${id}-${marked.length}-${amount}`,
  );
}

const sum = (amounts: readonly number[]) => amounts.reduce((total, each) => total + each, 0);
