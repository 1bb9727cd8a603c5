import type Stripe from 'stripe';
import { isGatewayError } from '../../adapters/stripe-gateway.ts';
import { findSubscriptions, type SubscriptionRow } from '../../db/subscriptions.ts';
import { invoiceSubscription } from '../../state/event-objects.ts';
import { formatMoney } from '../../state/money.ts';
import { AppError } from '../http/errors.ts';
import type { Services } from '../lib/services.ts';
import { actionsNow, confirmIfAnswerLost, freshKey, type CommandContext } from './command.ts';
import { isUnpaidChange } from './open-invoices.ts';
import type { SavedCard } from './saved-card.ts';

/**
 * What an account still owes for subscriptions of its own that have ended: invoices that are open, or written off. Void ones
 * are forgiven. Oldest first.
 */
export async function debtsOf(
  { stripe, database }: Services,
  account: { userId: string; customerId: string },
): Promise<Stripe.Invoice[]> {
  const { userId, customerId } = account;
  const page = await stripe.listInvoices({ customerId, limit: 100, startingAfter: null });
  const due = page.data.filter(
    ({ status, amount_remaining: left }) =>
      (status === 'open' || status === 'uncollectible') && left > 0,
  );
  const ids = new Set(due.flatMap((invoice) => subscriptionIdOf(invoice) ?? []));
  if (ids.size === 0) return [];
  const rows = await findSubscriptions(database.knex, [...ids]);
  const ended = rows.filter(
    (row) => row.userId === userId && row.foreign !== true && row.state === 'canceled',
  );
  return due
    .filter((invoice) => {
      const former = ended.find(({ id }) => id === subscriptionIdOf(invoice));
      return former && !isUnpaidChange(invoice, former.facts.endedAt ?? 0);
    })
    .toReversed();
}

/**
 * Throws 409 for a debt that a comeback cannot collect: without a saved method, with one that pays days later (a bank debit
 * may bounce, and the comeback would be there already), or in another currency than that of the new plan.
 */
export function requireCollectable(
  context: CommandContext,
  former: SubscriptionRow,
  by: { debts: readonly Stripe.Invoice[]; card: SavedCard | null; currency: string | null },
): void {
  const other = by.debts.find(({ currency }) => currency !== (by.currency ?? currency));
  const debt = by.card === null || by.card.isDelayed ? by.debts[0] : other;
  if (debt) throw owed(context, former, debt);
}

/** Collects debts on the saved card before a comeback; `card_declined` stops it. */
export async function settleDebts(
  context: CommandContext,
  former: SubscriptionRow,
  { debts, card }: { debts: readonly Stripe.Invoice[]; card: SavedCard },
): Promise<void> {
  const { stripe } = context.services;
  for (const debt of debts) {
    let paid: Stripe.Invoice | null;
    try {
      paid = await confirmIfAnswerLost(
        () => stripe.payInvoice(debt.id, card.id, freshKey('debt', context)),
        async () => (await stripe.retrieveInvoice(debt.id)).status === 'paid',
      );
    } catch (error) {
      if (isGatewayError(error, 'invalid')) throw owed(context, former, debt);
      throw error;
    }
    // On its way is not paid.
    if (paid !== null && paid.status !== 'paid') throw owed(context, former, debt);
  }
}

/** Throws 409 while an account owes something: Checkout cannot collect it. */
export async function refuseDebtor(
  context: CommandContext,
  former: SubscriptionRow | null,
  customerId: string,
): Promise<void> {
  if (former?.state !== 'canceled') return;
  const [debt] = await debtsOf(context.services, { userId: context.account.id, customerId });
  if (debt) throw owed(context, former, debt);
}

function owed(
  { services }: CommandContext,
  former: SubscriptionRow,
  { id, amount_remaining: amountDue, currency, hosted_invoice_url: url }: Stripe.Invoice,
): AppError {
  return new AppError(
    'not_allowed',
    `An invoice from before, of ${formatMoney(amountDue, currency)}, is not paid. Coming back with a saved card (reactivate) pays it first; else, and with a bank debit, pay it on its page and come back when it is paid.`,
    {
      fields: {
        state: former.state,
        actions: actionsNow(services, former),
        reason: 'debt',
        unpaidInvoiceId: id,
        amountDue,
        currency,
        url: url ?? null,
      },
    },
  );
}

const subscriptionIdOf = (invoice: Stripe.Invoice) => invoiceSubscription({ ...invoice });
