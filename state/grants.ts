/** What an account has beside what it pays for: free plans, purchases, complimentary access, goodwill. */
import type { GrantTerms } from './grant-terms.ts';
import { findPlan, type Catalogue, type Plan } from './catalogue.ts';

export const GRANT_SOURCES = ['purchase', 'complimentary', 'goodwill'] as const;
export type GrantSource = (typeof GRANT_SOURCES)[number];

export interface Grant extends GrantTerms {
  id: string;
  accountId: string;
  source: GrantSource;
  reason: string | null;
  /** Who gave it: an operator, or the Checkout session that paid for it. */
  grantedBy: string;
  /** ms since the epoch, as all times here. */
  createdAt: number;
  /** null is for ever. */
  endsAt: number | null;
  revokedAt: number | null;
}

/** The grants that count at `now`. */
export function activeGrants(grants: readonly Grant[], now: number): Grant[] {
  return grants.filter(
    ({ endsAt, revokedAt }) => revokedAt === null && (endsAt === null || endsAt > now),
  );
}

/** The grant of a whole plan that counts: the best plan, then the one that lasts longest. Null for none. */
export function planGrant(catalogue: Catalogue, active: readonly Grant[]): Grant | null {
  const rank = ({ plan }: Grant) => (plan === null ? null : findPlan(catalogue, plan)?.rank);
  const end = ({ endsAt }: Grant) => endsAt ?? Infinity;
  let best: Grant | null = null;
  for (const grant of active) {
    const mine = rank(grant);
    if (mine === null || mine === undefined) continue;
    const its = best === null ? -Infinity : (rank(best) ?? -Infinity);
    if (mine > its || (best !== null && mine === its && end(grant) > end(best))) best = grant;
  }
  return best;
}

/** The free plan that every account has; null when there is none. */
export function defaultPlan({ plans }: Catalogue): Plan | null {
  return plans.find((plan) => plan.default === true) ?? null;
}

/** Why an account without the feature in a paid plan has it all the same; null when it has not. */
export function grantedFeature(
  catalogue: Catalogue,
  active: readonly Grant[],
  feature: string,
): 'granted' | 'default_plan' | null {
  const isGranted = active.some(({ plan, features }) => {
    if (features.includes(feature)) return true;
    return plan !== null && findPlan(catalogue, plan)?.features.includes(feature);
  });
  if (isGranted) return 'granted';
  return defaultPlan(catalogue)?.features.includes(feature) ? 'default_plan' : null;
}

/**
 * The limit of this name: the best of the paid plan's (`paid`), the default plan's and the grants', and on top of it
 * what grants add. null is unlimited; undefined means that nothing the account has knows this limit.
 */
export function limitWithGrants(
  catalogue: Catalogue,
  { paid, active }: { paid: Pick<Plan, 'limits'> | null; active: readonly Grant[] },
  name: string,
): number | null | undefined {
  const best = [paid?.limits ?? {}, defaultPlan(catalogue)?.limits ?? {}];
  const added: Record<string, number | null>[] = [];
  for (const { plan, limits, combine } of active) {
    best.push((plan === null ? null : findPlan(catalogue, plan))?.limits ?? {});
    (combine === 'add' ? added : best).push(limits);
  }
  const found = valuesOf(best, name);
  const more = valuesOf(added, name);
  if (found.length + more.length === 0) return undefined;
  if (found.includes(null) || more.includes(null)) return null;
  const sum = more.reduce((total: number, each) => total + (each ?? 0), 0);
  return Math.max(0, ...found.map((each) => each ?? 0)) + sum;
}

function valuesOf(all: readonly Record<string, number | null>[], name: string): (number | null)[] {
  return all.flatMap((limits) => (Object.hasOwn(limits, name) ? [limits[name] ?? null] : []));
}
