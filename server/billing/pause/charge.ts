import type { SubscriptionRow } from '../../../db/subscriptions.ts';
import { mayCredit } from '../../../state/period-payment.ts';
import type { Services } from '../../lib/services.ts';
import { isAllowanceUsed } from '../allowance.ts';
import type { Charge } from '../charge.ts';
import { draftsWithUsage } from '../drafts-with-usage.ts';
import { hasDraft } from '../open-invoices.ts';
import { periodPaymentOf } from '../period-payment.ts';
import { hasUsage } from '../settle-usage.ts';

/** Whether Stripe can stop the subscription itself; else only its collection. */
export function isStoppable({ facts }: SubscriptionRow): boolean {
  return facts.billingMode === 'flexible' && facts.collectionMethod === 'charge_automatically';
}

/**
 * Whether what is left of the period becomes credit: only what was paid and kept, and not where free units or a part of a
 * limit were used. The next period brings them anew.
 */
export async function creditsUnused(
  services: Services,
  subscription: SubscriptionRow,
): Promise<boolean> {
  const payment = await periodPaymentOf(services, subscription);
  const { billingMode } = subscription.facts;
  if (!mayCredit(payment, { kind: 'pause', billingMode })) return false;
  return !(await isAllowanceUsed(services, subscription, { limits: true }));
}

/** What a pause takes: usage, if it stops the period, and a renewal whose invoice is still a draft. */
export async function chargeOfPause(
  services: Services,
  subscription: SubscriptionRow,
  { stops, creditUnused }: { stops: boolean; creditUnused: boolean },
): Promise<Charge> {
  const { id, facts } = subscription;
  const [debts, invoice] = await Promise.all([
    hasDraft(subscription) ? draftsWithUsage(services, subscription) : [],
    stops && (creditUnused || hasUsage(subscription))
      ? services.stripe.previewPause(id, { creditUnused })
      : null,
  ]);
  return { currency: facts.currency, invoice, debts };
}
