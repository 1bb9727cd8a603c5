import type Stripe from 'stripe';
import { metersByPrice } from '../../state/catalogue.ts';
import { chargeFor, costsOf } from '../../state/price-costs.ts';
import type { StoredSubscription } from '../../state/types.ts';
import type { Services } from '../lib/services.ts';
import { keptDrafts } from './open-invoices.ts';
import { priceOf } from './period-payment.ts';

type Parts = Pick<Services, 'stripe' | 'catalogue' | 'usage' | 'config'>;

/**
 * The drafts of a subscription as they will be when they are final: usage that reached Stripe after a draft was made is not
 * on it until then. Never less than what is charged in the end.
 */
export async function draftsWithUsage(
  services: Parts,
  subscription: StoredSubscription,
): Promise<Stripe.Invoice[]> {
  const drafts = await keptDrafts({ services }, subscription.id);
  return Promise.all(
    drafts.map(async (draft) => {
      const late = await lateUsage(services, subscription, draft);
      return late > 0 ? { ...draft, amount_remaining: draft.amount_remaining + late } : draft;
    }),
  );
}

/** What the usage costs that a draft does not count yet, with its discounts and taxes. */
async function lateUsage(
  { stripe, catalogue, usage }: Parts,
  { userId, facts }: StoredSubscription,
  { lines, subtotal, total, currency }: Stripe.Invoice,
): Promise<number> {
  if (userId === null) return 0;
  const meters = metersByPrice(catalogue);
  let late = 0;
  for (const { metered, priceId } of facts.items) {
    const own = lines.data.filter((line) => priceOf(line) === priceId);
    const [first] = own;
    const [meter] = meters.get(priceId) ?? [];
    if (!metered || !first || meter === undefined) continue;
    const { start, end } = first.period;
    const span = { from: start * 1000, until: end * 1000 };
    const { recorded: quantity } = await usage.totals({ userId, meter }, span);
    const costs = catalogue.costs?.get(priceId) ?? costsOf(await stripe.retrievePrice(priceId));
    const known = own.reduce((sum, { amount }) => sum + amount, 0);
    late += Math.max(0, (chargeFor(costs, { quantity, currency }) ?? 0) - known);
  }
  return subtotal > 0 ? Math.ceil((late * total) / subtotal) : late;
}
