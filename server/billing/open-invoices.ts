import type Stripe from 'stripe';
import { isGatewayError, type StripeGateway } from '../../adapters/stripe-gateway.ts';
import { UNPAID_MARK, stoppedForDebt } from '../../state/lifecycle.ts';
import { readSubscription } from '../../state/subscription-facts.ts';
import type { StoredSubscription } from '../../state/types.ts';
import type { CoreServices } from '../lib/services.ts';
import { confirmIfAnswerLost, freshKey } from './command.ts';

/** Between our clock and Stripe's, in ms. */
const MINUTE = 60_000;

interface Context {
  services: Pick<CoreServices, 'stripe' | 'config'>;
  requestId: string;
}

/**
 * What is owed for a subscription that is over: as `DUNNING_OPEN_INVOICES` says after dunning, and written off, not void,
 * when the customer asked for the end: it is a debt that a comeback pays. The end itself may bill usage: what was made since
 * `before` (ms) stays due. Returns how many were settled.
 */
export async function settleOpenInvoices(
  { services: { stripe, config }, requestId }: Context,
  subscriptionId: string,
  before: number,
): Promise<number> {
  const policy = config.dunning.openInvoices;
  if (policy === 'keep') return 0;
  const all = await stripe.invoicesWith(subscriptionId, 'open');
  const open = all.filter(
    (invoice) => invoice.created * 1000 < before || isUnpaidChange(invoice, before),
  );
  if (open.length === 0) return 0;
  const forgiven = policy === 'void' && (await endedByDunning(stripe, subscriptionId));
  for (const invoice of open) {
    const { id } = invoice;
    const wanted = forgiven || isUnpaidChange(invoice, before) ? 'void' : 'uncollectible';
    const key = freshKey('settle', { requestId });
    await confirmIfAnswerLost(
      () => (wanted === 'void' ? stripe.voidInvoice(id, key) : stripe.markUncollectible(id, key)),
      async () => (await stripe.retrieveInvoice(id)).status === wanted,
    );
  }
  return open.length;
}

/**
 * Whether an open invoice is of a change that was not paid, and so did not happen: it bills time after the end of the
 * subscription, in ms. What a pause bills was used before.
 */
export function isUnpaidChange(
  { billing_reason: reason, lines }: Stripe.Invoice,
  endedAt: number,
): boolean {
  return (
    reason === 'subscription_update' &&
    lines.data.some(({ amount, period }) => amount > 0 && period.end * 1000 > endedAt + MINUTE)
  );
}

/** What `endDunning` says when it cancels. */
export const DUNNING_COMMENT = 'Payment failed';

async function endedByDunning(stripe: StripeGateway, subscriptionId: string): Promise<boolean> {
  const { cancellation_details: details } = await stripe.retrieveSubscription(subscriptionId);
  return details?.reason === 'payment_failed' || details?.comment === DUNNING_COMMENT;
}

/** Takes off what stopped collection for a debt, and collects the drafts that were kept meanwhile. */
export async function takeOffStop(context: Context, subscriptionId: string): Promise<void> {
  const { stripe } = context.services;
  const read = async () => readSubscription(await stripe.retrieveSubscription(subscriptionId));
  if (stoppedForDebt(await read()) === null) return;
  await confirmIfAnswerLost(
    () =>
      stripe.resumeCollection(subscriptionId, { [UNPAID_MARK]: '' }, freshKey('unstop', context)),
    async () => stoppedForDebt(await read()) === null,
  );
  await collectKeptDrafts(context, subscriptionId);
}

/** Whether the renewal's invoice is not made final yet: Stripe takes an hour, and an end or a pause would leave it. */
export function hasDraft({ facts }: Pick<StoredSubscription, 'facts'>): boolean {
  return facts.latestInvoice?.status === 'draft' && facts.pauseCollection === null;
}

/**
 * Finalizes and collects what a pause of collection has kept as drafts: Stripe never does by itself. A declined card
 * leaves them open, as with any renewal.
 */
export async function collectKeptDrafts(context: Context, subscriptionId: string): Promise<void> {
  await collectDrafts(context, await keptDrafts(context, subscriptionId));
}

/** The drafts of a subscription, newest first. */
export function keptDrafts(
  { services }: Pick<Context, 'services'>,
  subscriptionId: string,
): Promise<Stripe.Invoice[]> {
  return services.stripe.invoicesWith(subscriptionId, 'draft');
}

/** Finalizes and collects drafts, the oldest first. */
export async function collectDrafts(
  context: Context,
  drafts: readonly Stripe.Invoice[],
): Promise<void> {
  for (const draft of drafts.toReversed()) await collectDraft(context, draft);
}

/** Makes a draft final. */
export async function finalizeDraft(context: Context, id: string): Promise<void> {
  const { stripe } = context.services;
  await confirmIfAnswerLost(
    () => stripe.finalizeInvoice(id, freshKey('finalize', context)),
    async () => (await stripe.retrieveInvoice(id)).status !== 'draft',
  );
}

/** Makes a draft final and takes its money now. */
async function collectDraft(context: Context, draft: Stripe.Invoice): Promise<void> {
  const { stripe } = context.services;
  await finalizeDraft(context, draft.id);
  const invoice = await stripe.retrieveInvoice(draft.id);
  if (invoice.status !== 'open' || invoice.collection_method === 'send_invoice') return;
  if (invoice.attempt_count > 0) return;
  try {
    await confirmIfAnswerLost(
      () => stripe.payInvoice(draft.id, null, freshKey('pay', context)),
      async () => (await stripe.retrieveInvoice(draft.id)).status === 'paid',
    );
  } catch (error) {
    // Without a usable method it stays open, and Stripe tries again.
    if (!isGatewayError(error, 'card_declined', 'invalid')) throw error;
  }
}
