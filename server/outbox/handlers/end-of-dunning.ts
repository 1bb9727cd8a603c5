import { randomUUID } from 'node:crypto';
import { isGatewayError, type StripeGateway } from '../../../adapters/stripe-gateway.ts';
import { findSubscription } from '../../../db/subscriptions.ts';
import { UNPAID_MARK } from '../../../state/lifecycle.ts';
import { DUNNING_COMMENT } from '../../billing/open-invoices.ts';
import type { EffectPayloads } from '../../../state/effect-kinds.ts';
import type { Cause } from '../../../state/types.ts';
import type { EngineContext } from '../../sync/context.ts';
import type { CustomerRunner } from '../../sync/customer-runner.ts';

type FinalAction = EffectPayloads['dunning.final_action'];

/**
 * Runs the final action at Stripe after the last failed payment, once per invoice. Made again after a crash it
 * finds the subscription ended, or changes nothing. Returns a note when nothing was left to do.
 */
export async function endDunning(
  ctx: EngineContext,
  runner: CustomerRunner,
  final: FinalAction,
): Promise<string | null> {
  const status = await statusOf(ctx, final.invoiceId);
  if (status !== 'open') return `the invoice is ${status} by now`;
  // The effect may have waited for long: what is another program's by now, or paid again, must not be ended for an old invoice.
  const stored = await findSubscription(ctx.core.database.knex, final.subscriptionId);
  if (stored?.foreign) return 'the subscription is not ours any more';
  const now = (await ctx.reader.subscription(final.subscriptionId))?.stripeStatus;
  if (now === 'active' || now === 'trialing') return `the subscription is ${now} by now`;
  const note = await end(ctx.core.stripe, final);
  const cause: Cause = {
    type: 'dunning',
    id: `final-${final.invoiceId}`,
    actor: 'system',
    at: ctx.clock.now(),
  };
  const { subscriptionId, customerId } = final;
  await runner.sync({ subscriptionId, customerId, cause });
  return note;
}

/** `gone` once Stripe no longer has the invoice: its customer or its test data were deleted. */
async function statusOf(ctx: EngineContext, invoiceId: string): Promise<string | null> {
  try {
    return (await ctx.reader.read((stripe) => stripe.retrieveInvoice(invoiceId))).status;
  } catch (error) {
    if (isGatewayError(error, 'not_found')) return 'gone';
    throw error;
  }
}

async function end(stripe: StripeGateway, final: FinalAction): Promise<string | null> {
  // Another key at each attempt: Stripe repeats an error, a 500 too, for as long as it remembers the key.
  const key = `tenure-final-${final.invoiceId}-${randomUUID()}`;
  try {
    if (final.action === 'cancel') {
      await stripe.cancelNow(final.subscriptionId, { comment: DUNNING_COMMENT }, key);
    } else {
      // The status `unpaid` is given by Stripe's own settings alone. What it means can be asked for: no more
      // attempts at this invoice, and later ones stay drafts.
      await stripe.stopCollection(final.subscriptionId, { [UNPAID_MARK]: final.invoiceId }, key);
      await stripe.stopAttempts(final.invoiceId, `${key}-invoice`);
    }
    return null;
  } catch (error) {
    if (isGatewayError(error, 'not_found')) return 'the subscription has ended already';
    throw error;
  }
}
