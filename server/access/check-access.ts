import type { SubscriptionRow } from '../../db/subscriptions.ts';
import { accessOf, isActive } from '../../state/access.ts';
import { findPlan, metersByPrice, type Catalogue } from '../../state/catalogue.ts';
import { withAddons } from '../../state/addons.ts';
import { activeGrants, grantedFeature, limitWithGrants, planGrant } from '../../state/grants.ts';
import { keptTerms, type KeptTerms } from '../../state/terms.ts';
import { checkLimit, type LimitAnswer } from '../../state/limits.ts';
import type { AccessLevel } from '../../state/types.ts';
import { readEntitlementsSoon } from './entitlements.ts';
import type { Services } from '../lib/services.ts';
import { usagePeriod } from '../../state/usage-period.ts';

type Parts = Pick<
  Services,
  'access' | 'catalogue' | 'clock' | 'config' | 'database' | 'engine' | 'log' | 'usage'
>;

/** Whether access is allowed, and why. `reason` is a word for programs. */
export interface AccessAnswer {
  allowed: boolean;
  level: AccessLevel;
  reason: string;
  /** Where what was asked for has a limit: null is unlimited. */
  limit?: number | null;
  /** What is left of it; absent when the usage is not known. */
  remaining?: number | null;
}

/** What is asked for. */
export interface FeatureQuestion {
  /** A feature, or the name of a limit; a limit named like a meter is compared with this period's usage. */
  feature?: string | undefined;
  /** How much of a limit is used, where only the host app can count it. */
  used?: number | undefined;
}

/** Whether a user's subscription, or a plan that was granted, gives access now. Asks the database only, never Stripe. */
export async function isSubscriptionActive(services: Parts, userId: string): Promise<boolean> {
  return (await checkAccess(services, userId)).allowed;
}

/**
 * Access in full or by grace; with a feature, whether the account has it, by its plan, by a grant or as part of the
 * default plan, and whether something is left of its limit.
 */
export async function checkAccess(
  services: Parts,
  userId: string,
  question: string | FeatureQuestion = {},
): Promise<AccessAnswer> {
  const { feature, used } = typeof question === 'string' ? { feature: question } : question;
  const now = services.clock.now();
  const [stored, grants] = await Promise.all([
    services.access.subscriptionOf(userId),
    services.access.grantsOf(userId),
  ]);
  const active = activeGrants(grants, now);
  const paid = accessOf(stored, { now, grace: services.config.grace });
  const subscription = isActive(paid) ? stored : null;
  const whole = subscription ? null : planGrant(services.catalogue, active);
  const { level, reason } = whole ? GRANTED : paid;
  if (feature === undefined) return { allowed: level !== 'none', level, reason };
  const plan = subscription && termsOf(services.catalogue, subscription);
  const capped =
    subscription && (await capOf(services, { stored: subscription, plan, userId }, feature));
  if (capped?.remaining === 0) return { allowed: false, level, reason: 'cap_reached', ...capped };
  const limit = limitWithGrants(services.catalogue, { paid: plan, active }, feature);
  if (limit !== undefined) {
    const answer = checkLimit(limit, used ?? (await usedOf(services, userId, feature)));
    // What gives a limit without a subscription is a grant, or the default plan.
    const given = level !== 'none' ? { level, reason } : active.length > 0 ? GRANTED : DEFAULT;
    const why = answer.allowed ? given.reason : 'limit_reached';
    return { allowed: answer.allowed, level: given.level, reason: why, ...withoutUnknown(answer) };
  }
  const refusal = subscription
    ? await featureRefusal(services, { stored: subscription, plan }, feature)
    : reason;
  if (subscription && refusal === null) return { allowed: true, level, reason, ...capped };
  const granted = grantedFeature(services.catalogue, active, feature);
  if (granted !== null) {
    return { allowed: true, level: level === 'none' ? 'full' : level, reason: granted };
  }
  return { allowed: false, level, reason: whole ? 'feature_not_in_plan' : (refusal ?? reason) };
}

const GRANTED = { level: 'full', reason: 'granted' } as const;
const DEFAULT = { level: 'full', reason: 'default_plan' } as const;

/** The code of the error that a refusal is answered with. */
export function refusalCode({
  level,
  reason,
}: AccessAnswer): 'subscription_required' | 'limit_reached' | 'cap_reached' | 'feature_required' {
  if (level === 'none') return 'subscription_required';
  return reason === 'limit_reached' || reason === 'cap_reached' ? reason : 'feature_required';
}

/** What the account bought: its plan with what that got since, and add-ons. */
function termsOf(catalogue: Catalogue, { plan: id, termsVersion, facts }: SubscriptionRow) {
  const plan = id === null ? null : findPlan(catalogue, id);
  return (
    plan && withAddons(catalogue, keptTerms(catalogue, plan, termsVersion ?? null), facts.items)
  );
}

/** Why a feature is not there; null when it is. */
async function featureRefusal(
  services: Parts,
  { stored, plan }: { stored: SubscriptionRow; plan: KeptTerms | null },
  feature: string,
): Promise<string | null> {
  if (services.config.entitlements === 'plans') {
    const { catalogue } = services;
    const has = plan?.features.includes(feature) === true || isMetered(catalogue, stored, feature);
    return has ? null : 'feature_not_in_plan';
  }
  const { customerId, userId } = stored;
  const granted = await services.access.featuresOf(userId ?? customerId, customerId);
  if (granted) return granted.has(feature) ? null : 'feature_not_entitled';
  // No one gets in unchecked; the answer is there in a moment.
  readEntitlementsSoon(services, services.engine.reader, { customerId, userId });
  return 'entitlements_unknown';
}

/** What is left of the cap of a meter; null where it has none. */
async function capOf(
  services: Parts,
  { stored, plan, userId }: { stored: SubscriptionRow; plan: KeptTerms | null; userId: string },
  meter: string,
): Promise<{ limit: number; remaining: number } | null> {
  const { caps = {} } = plan ?? {};
  if (Object.keys(caps).length === 0) return null;
  const meters = metersByPrice(services.catalogue);
  const own = stored.facts.items.filter(({ priceId }) => meters.get(priceId)?.has(meter) === true);
  const found = own.flatMap(({ priceId }) => caps[priceId] ?? []);
  if (found.length === 0) return null;
  const limit = Math.max(...found);
  return { limit, remaining: Math.max(0, limit - ((await usedOf(services, userId, meter)) ?? 0)) };
}

/** A meter that an item of the subscription bills is a feature of its plan. */
function isMetered(catalogue: Catalogue, { facts }: SubscriptionRow, feature: string): boolean {
  const meters = metersByPrice(catalogue);
  return facts.items.some(({ priceId }) => meters.get(priceId)?.has(feature) === true);
}

/** This period's usage of a meter; null when there is no such meter, and only the host app can count. */
async function usedOf(services: Parts, userId: string, meter: string): Promise<number | null> {
  const { usage, clock } = services;
  if (!usage.knows(meter)) return null;
  const { from, until } = usagePeriod(await usage.account(userId), clock.now());
  const span = { from, until: until ?? Number.MAX_SAFE_INTEGER };
  return (await usage.totals({ userId, meter }, span)).recorded;
}

function withoutUnknown({ limit, remaining }: LimitAnswer): Partial<AccessAnswer> {
  return remaining === undefined ? { limit } : { limit, remaining };
}
