import type { SubscriptionRow } from '../../db/subscriptions.ts';
import { accessOf, isActive } from '../../state/access.ts';
import { findPlan, hasFeature } from '../../state/catalogue.ts';
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

/** Whether a user's subscription gives access now. Asks the database only, never Stripe. */
export async function isSubscriptionActive(services: Parts, userId: string): Promise<boolean> {
  return (await checkAccess(services, userId)).allowed;
}

/** Access in full or by grace; with a feature, whether the plan has it as well and something is left of its limit. */
export async function checkAccess(
  services: Parts,
  userId: string,
  question: string | FeatureQuestion = {},
): Promise<AccessAnswer> {
  const { feature, used } = typeof question === 'string' ? { feature: question } : question;
  const stored = await services.access.subscriptionOf(userId);
  const { level, reason } = accessOf(stored, {
    now: services.clock.now(),
    grace: services.config.grace,
  });
  if (!stored || !isActive({ level, until: null, reason })) {
    return { allowed: false, level, reason };
  }
  if (feature === undefined) return { allowed: true, level, reason };
  const limit = limitsOf(services, stored)?.[feature];
  const refusal = limit === undefined ? await featureRefusal(services, stored, feature) : null;
  if (refusal !== null) return { allowed: false, level, reason: refusal };
  if (limit === undefined) return { allowed: true, level, reason };
  const answer = checkLimit(limit, used ?? (await usedOf(services, userId, feature)));
  return {
    allowed: answer.allowed,
    level,
    reason: answer.allowed ? reason : 'limit_reached',
    ...withoutUnknown(answer),
  };
}

/** The code of the error that a refusal is answered with. */
export function refusalCode({
  level,
  reason,
}: AccessAnswer): 'subscription_required' | 'limit_reached' | 'feature_required' {
  if (level === 'none') return 'subscription_required';
  return reason === 'limit_reached' ? 'limit_reached' : 'feature_required';
}

function limitsOf(
  { catalogue }: Parts,
  { plan }: SubscriptionRow,
): Record<string, number | null> | undefined {
  return plan === null ? undefined : findPlan(catalogue, plan)?.limits;
}

/** Why a feature is not there; null when it is. */
async function featureRefusal(
  services: Parts,
  stored: SubscriptionRow,
  feature: string,
): Promise<string | null> {
  if (services.config.entitlements === 'plans') {
    return hasFeature(services.catalogue, stored.plan, feature) ? null : 'feature_not_in_plan';
  }
  const { customerId, userId } = stored;
  const granted = await services.access.featuresOf(userId ?? customerId, customerId);
  if (granted) return granted.has(feature) ? null : 'feature_not_entitled';
  // No one gets in unchecked; the answer is there in a moment.
  readEntitlementsSoon(services, services.engine.reader, { customerId, userId });
  return 'entitlements_unknown';
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
