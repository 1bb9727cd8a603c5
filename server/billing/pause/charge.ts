import type Stripe from 'stripe';
import type { SubscriptionRow } from '../../../db/subscriptions.ts';
import { findPlan } from '../../../state/catalogue.ts';
import { usagePeriod } from '../../../state/usage-period.ts';
import { mayCredit } from '../../../state/period-payment.ts';
import type { Services } from '../../lib/services.ts';
import type { Charge } from '../charge.ts';
import { hasDraft, keptDrafts } from '../open-invoices.ts';
import { periodPaymentOf } from '../period-payment.ts';
import { hasUsage } from '../settle-usage.ts';

/** Whether Stripe can stop the subscription itself; else only its collection. */
export function isStoppable({ facts }: SubscriptionRow): boolean {
  return facts.billingMode === 'flexible' && facts.collectionMethod === 'charge_automatically';
}

/** Whether what is left of the period becomes credit: only what was paid and kept. */
export async function creditsUnused(
  services: Services,
  subscription: SubscriptionRow,
): Promise<boolean> {
  const payment = await periodPaymentOf(services, subscription);
  const { billingMode } = subscription.facts;
  if (!mayCredit(payment, { kind: 'pause', billingMode })) return false;
  return !(await isAllowanceUsed(services, subscription));
}

/**
 * Whether something was used that came with the whole period: free units of a meter, or a part of a limit. The next period
 * brings them anew, so the rest of this one is not given back.
 */
async function isAllowanceUsed(
  services: Services,
  subscription: SubscriptionRow,
): Promise<boolean> {
  const { stripe, catalogue, usage, clock } = services;
  const { id, userId, plan } = subscription;
  if (hasUsage(subscription)) {
    const bill = await stripe.previewPause(id, { creditUnused: false });
    const isFree = ({ amount, quantity, parent }: Stripe.InvoiceLineItem) =>
      amount === 0 && (quantity ?? 0) > 0 && parent?.subscription_item_details?.proration === false;
    if (bill?.lines.data.some(isFree)) return true;
  }
  const limits = findPlan(catalogue, plan ?? '')?.limits ?? {};
  const limited = Object.keys(limits).filter((each) => limits[each] !== null && usage.knows(each));
  if (userId === null || limited.length === 0) return false;
  const { from, until } = usagePeriod(await usage.account(userId), clock.now());
  const span = { from, until: until ?? Number.MAX_SAFE_INTEGER };
  const totals = limited.map((meter) => usage.totals({ userId, meter }, span));
  return (await Promise.all(totals)).some(({ recorded }) => recorded > 0);
}

/** What a pause takes: usage, if it stops the period, and a renewal whose invoice is still a draft. */
export async function chargeOfPause(
  services: Services,
  subscription: SubscriptionRow,
  { stops, creditUnused }: { stops: boolean; creditUnused: boolean },
): Promise<Charge> {
  const { id, facts } = subscription;
  const [debts, invoice] = await Promise.all([
    hasDraft(subscription) ? keptDrafts({ services }, id) : [],
    stops && (creditUnused || hasUsage(subscription))
      ? services.stripe.previewPause(id, { creditUnused })
      : null,
  ]);
  return { currency: facts.currency, invoice, debts };
}
