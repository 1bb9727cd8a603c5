import type Stripe from 'stripe';
import { planOfPrice, type Plan } from '../../state/catalogue.ts';
import type { SubscriptionRow } from '../../db/subscriptions.ts';
import { withAddons } from '../../state/addons.ts';
import { activeGrants, limitWithGrants } from '../../state/grants.ts';
import { intervalDays } from '../../state/plan-change.ts';
import { keptTerms } from '../../state/terms.ts';
import { usagePeriod } from '../../state/usage-period.ts';
import type { StoredSubscription } from '../../state/types.ts';
import { AppError } from '../http/errors.ts';
import type { Services } from '../lib/services.ts';
import { itemChanges, type PlanTarget } from './change-plan/plan-target.ts';
import { actionsNow } from './command.ts';
import { isProration, priceOf } from './period-payment.ts';
import { hasUsage } from './settle-usage.ts';

type Parts = Pick<Services, 'stripe' | 'catalogue' | 'usage' | 'clock'>;

/**
 * Whether something was used that came with a whole period: free units of a meter or, with `limits`, a part of a limit. The
 * next period brings them anew, so the rest of this one is not given back. `nextPlan` is the plan that would come.
 */
export async function isAllowanceUsed(
  services: Parts,
  subscription: StoredSubscription,
  { limits, nextPlan = null }: { limits: boolean; nextPlan?: string | null },
): Promise<boolean> {
  if (await areFreeUnitsBilled(services, subscription)) return true;
  const { catalogue, usage, clock, stripe } = services;
  const { userId, facts, plan } = subscription;
  if (userId === null) return false;
  const isUsed = async (meter: string, from: number): Promise<boolean> =>
    (await usage.totals({ userId, meter }, { from, until: clock.now() + 1 })).recorded > 0;
  const metersOf = ({ meters = [] }: Plan) => meters;
  const limitsOf = (one: Plan) =>
    Object.keys(one.limits).filter((name) => one.limits[name] !== null && usage.knows(name));
  const { plans } = catalogue;
  const used = new Set<string>();
  // The database says so first: most have nothing to ask Stripe about.
  const all = [...plans.flatMap(metersOf).map(({ meter }) => meter), ...plans.flatMap(limitsOf)];
  for (const meter of new Set(all)) if (await isUsed(meter, facts.createdAt)) used.add(meter);
  if (used.size === 0) return false;
  const since = await sinceFullBill(services, subscription);
  const had = plans.filter(({ id }) => since.plans.has(id) || id === plan || id === nextPlan);
  for (const meter of used) if (!(await isUsed(meter, since.from))) used.delete(meter);
  if (limits && had.flatMap(limitsOf).some((name) => used.has(name))) return true;
  const metered = had.flatMap(metersOf).filter(({ meter }) => used.has(meter));
  const ids = new Set(metered.map(({ priceId }) => priceId));
  const prices = await Promise.all([...ids].map((id) => stripe.retrievePrice(id)));
  return prices.some(hasFreeUnits);
}

/**
 * Throws 409 for a change now that would give back what is left of a period although free units or a part of a limit that
 * came with it were used: the way back up brings them anew, as often as one likes. Where limits go on, within the same
 * period, that is what was used beyond those of the plan that comes.
 */
export async function requireAllowanceUnused(
  services: Services,
  subscription: SubscriptionRow,
  target: PlanTarget,
): Promise<void> {
  const { kind, restartPeriod } = target;
  if (kind === 'upgrade' && !isShorter(target)) return;
  const changes = itemChanges(services.catalogue, subscription, target);
  // Free units begin anew with their item, limits with the period.
  const isMeterNew = changes.some(({ deleted }) => deleted === true);
  const nextPlan = planOfPrice(services.catalogue, target.priceId)?.plan.id ?? null;
  const asked = { limits: restartPeriod, nextPlan };
  const isBegunAnew = restartPeriod || isMeterNew;
  const isUsed =
    (isBegunAnew && (await isAllowanceUsed(services, subscription, asked))) ||
    (!restartPeriod && (await isMoreUsed(services, subscription, target)));
  if (!isUsed) return;
  throw new AppError(
    'not_allowed',
    'Free units or a part of a limit of the present period were used, so what is left of it cannot be credited. Only a change with the next period ("when": "period_end") is possible.',
    {
      fields: {
        state: subscription.state,
        actions: actionsNow(services, subscription),
        reason: 'allowance_used',
      },
    },
  );
}

/** A bigger plan for a shorter time: most of what was paid comes back. */
function isShorter({ every, item }: PlanTarget): boolean {
  return (
    intervalDays({ interval: every.interval, intervalCount: every.count }) < intervalDays(item)
  );
}

/** Whether more was used in this period than the limits after a change allow. */
async function isMoreUsed(
  { access, catalogue, usage, clock }: Services,
  { userId, plan: planNow, termsVersion = null }: SubscriptionRow,
  { priceId, addons }: PlanTarget,
): Promise<boolean> {
  const plan = planOfPrice(catalogue, priceId)?.plan;
  if (userId === null || !plan) return false;
  const kept = plan.id === planNow ? keptTerms(catalogue, plan, termsVersion) : plan;
  const items = addons.map((each) => ({ ...each, productId: null }));
  const after = withAddons(catalogue, kept, items);
  const meters = Object.keys(after.limits).filter((name) => usage.knows(name));
  if (meters.length === 0) return false;
  const now = clock.now();
  const active = activeGrants(await access.grantsOf(userId), now);
  const { from } = usagePeriod(await usage.account(userId), now);
  for (const meter of meters) {
    const limit = limitWithGrants(catalogue, { paid: after, active }, meter) ?? null;
    if (limit === null) continue;
    const { recorded } = await usage.totals({ userId, meter }, { from, until: now + 1 });
    if (recorded > limit) return true;
  }
  return false;
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
 * When the last period began that was billed whole, and the plans that were billed since: a change to another interval begins
 * a new one too, and credits the one before, whatever was used of it.
 */
async function sinceFullBill(
  { stripe, catalogue }: Parts,
  { id, facts }: StoredSubscription,
): Promise<{ from: number; plans: Set<string> }> {
  const plans = new Set<string>();
  for (const { lines, status } of await stripe.invoicesOf(id, 100)) {
    if (status === 'void') continue;
    const planLines = lines.data.flatMap((line) => {
      const found = planOfPrice(catalogue, priceOf(line));
      return found ? [{ line, plan: found.plan.id }] : [];
    });
    for (const { plan } of planLines) plans.add(plan);
    const whole = planLines.filter(({ line }) => !isProration(line));
    const credits = planLines.some(({ line }) => isProration(line) && line.amount < 0);
    if (whole.length === 0 || credits) continue;
    return { from: Math.min(...whole.map(({ line }) => line.period.start * 1000)), plans };
  }
  return { from: facts.createdAt, plans };
}
