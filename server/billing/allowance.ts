import type Stripe from 'stripe';
import { planOfPrice } from '../../state/catalogue.ts';
import type { StoredSubscription } from '../../state/types.ts';
import type { Services } from '../lib/services.ts';
import { isProration, priceOf } from './period-payment.ts';
import { hasUsage } from './settle-usage.ts';

type Parts = Pick<Services, 'stripe' | 'catalogue' | 'usage' | 'clock'>;

/**
 * Whether something was used that came with a whole period: free units of a meter or, with `limits`, a part of a limit. The
 * next period brings them anew, so the rest of this one is not given back.
 */
export async function isAllowanceUsed(
  services: Parts,
  subscription: StoredSubscription,
  { limits }: { limits: boolean },
): Promise<boolean> {
  if (await areFreeUnitsBilled(services, subscription)) return true;
  const { catalogue, usage, clock } = services;
  const { userId, facts } = subscription;
  const sold = catalogue.plans.flatMap(({ meters = [] }) => meters);
  const limited = catalogue.plans.flatMap((plan) =>
    Object.keys(plan.limits).filter((name) => plan.limits[name] !== null && usage.knows(name)),
  );
  const names = new Set([...sold.map(({ meter }) => meter), ...(limits ? limited : [])]);
  if (userId === null || names.size === 0) return false;
  const usedSince = async (from: number): Promise<string[]> => {
    const span = { from, until: clock.now() + 1 };
    const found: string[] = [];
    for (const meter of names)
      if ((await usage.totals({ userId, meter }, span)).recorded > 0) found.push(meter);
    return found;
  };
  // The database says so first: most have nothing to ask Stripe about.
  if ((await usedSince(facts.createdAt)).length === 0) return false;
  const used = await usedSince(await lastFullStart(services, subscription));
  if (limits && used.some((meter) => limited.includes(meter))) return true;
  const priceIds = sold.filter(({ meter }) => used.includes(meter)).map(({ priceId }) => priceId);
  const prices = await Promise.all([...new Set(priceIds)].map(services.stripe.retrievePrice));
  return prices.some(hasFreeUnits);
}

/** What Stripe would bill of the present period has free units in it. */
async function areFreeUnitsBilled(
  { stripe }: Parts,
  subscription: StoredSubscription,
): Promise<boolean> {
  if (!hasUsage(subscription)) return false;
  const bill = await stripe.previewEnd(subscription.id);
  return (
    bill?.lines.data.some(
      ({ amount, quantity, parent }) =>
        amount === 0 &&
        (quantity ?? 0) > 0 &&
        parent?.subscription_item_details?.proration === false,
    ) === true
  );
}

function hasFreeUnits({ tiers }: Stripe.Price): boolean {
  const first = tiers?.[0];
  return first?.unit_amount === 0 && (first.flat_amount ?? 0) === 0;
}

/**
 * When the last period began that was billed whole: a change to another interval begins a new one too, and credits the one
 * before, whatever was used of it.
 */
async function lastFullStart(
  { stripe, catalogue }: Parts,
  { id, facts }: StoredSubscription,
): Promise<number> {
  const invoices = await stripe.invoicesOf(id, 100);
  for (const { lines, status } of invoices) {
    if (status === 'void' || lines.data.some((line) => isProration(line) && line.amount < 0)) {
      continue;
    }
    const whole = lines.data.filter(
      (line) => !isProration(line) && planOfPrice(catalogue, priceOf(line)) !== null,
    );
    if (whole.length > 0) return Math.min(...whole.map(({ period }) => period.start * 1000));
  }
  return facts.createdAt;
}
