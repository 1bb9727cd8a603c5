/**
 * What a plan gives is versioned: who bought keeps what was sold, what is added reaches everyone, and what is removed is
 * missing only for who buys later.
 */
import { pricesOf, type Catalogue, type Plan, type PlanTerms } from './catalogue.ts';

/** What an account has of its plan. */
export type KeptTerms = Pick<Plan, 'features' | 'limits' | 'caps'>;

/** What the catalogue says of a plan now, as the version after `before`; null when that is what `before` says already. */
export function nextTerms(plan: Plan, before: PlanTerms | null): PlanTerms | null {
  const now = pricesOf(plan).map(({ price }) => price.priceId);
  const next: PlanTerms = {
    plan: plan.id,
    version: (before?.version ?? 0) + 1,
    name: plan.name,
    rank: plan.rank,
    features: plan.features,
    limits: plan.limits,
    ...(plan.caps === undefined ? {} : { caps: plan.caps }),
    prices: [...new Set([...(before?.prices ?? []), ...now, ...(plan.formerPrices ?? [])])],
  };
  if (before === null || givesOther(before, next)) return next;
  const known = JSON.stringify([before.name, before.rank, before.prices]);
  const isSame = known === JSON.stringify([next.name, next.rank, next.prices]);
  // Name, rank and prices say which plan it is, not what it gives.
  return isSame ? null : { ...next, version: before.version };
}

function givesOther(a: KeptTerms, b: KeptTerms): boolean {
  const told = ({ features, limits, caps = {} }: KeptTerms) =>
    JSON.stringify([
      features.toSorted(),
      ...[limits, caps].map((each) => Object.entries(each).map(String).toSorted()),
    ]);
  return told(a) !== told(b);
}

/**
 * The catalogue with what was sold before: plans that it does not list any more, as plans that are not sold, and prices
 * that plans had.
 */
export function withTerms(catalogue: Catalogue, all: readonly PlanTerms[]): void {
  const terms = new Map<string, PlanTerms[]>();
  for (const each of all) terms.set(each.plan, [...(terms.get(each.plan) ?? []), each]);
  const listed = new Set(catalogue.plans.map(({ id }) => id));
  catalogue.terms = terms;
  catalogue.retired = [...terms]
    .filter(([plan]) => !listed.has(plan))
    .map(([id, versions]) => {
      const { name, rank, features, limits, caps } = versions.at(-1)!;
      return { id, name, rank, features, limits, ...(caps && { caps }), prices: {} };
    });
}

/** What a subscription of the plan has that was sold at a version; null as the version is the first one. */
export function keptTerms(catalogue: Catalogue, plan: Plan, version: number | null): KeptTerms {
  const versions = (catalogue.terms?.get(plan.id) ?? []).filter(
    (each) => each.version >= (version ?? 1),
  );
  if (versions.length <= 1 && !versions.some((each) => givesOther(each, plan))) return plan;
  const all: KeptTerms[] = [...versions, plan];
  const names = new Set(all.flatMap(({ limits }) => Object.keys(limits)));
  return {
    features: [...new Set(all.flatMap(({ features }) => features))],
    limits: Object.fromEntries([...names].map((name) => [name, bestOf(all, name)])),
    ...keptCaps(all),
  };
}

/** Of each metered price the best cap: a version that knows of no caps had none. */
function keptCaps(all: readonly KeptTerms[]): Pick<KeptTerms, 'caps'> {
  if (all.some(({ caps }) => caps === undefined)) return {};
  const prices = new Set(all.flatMap(({ caps = {} }) => Object.keys(caps)));
  const best = [...prices].map((price): [string, number | null] => {
    const values = all.flatMap(({ caps = {} }) => (price in caps ? [caps[price] ?? null] : []));
    return [price, values.includes(null) ? null : Math.max(...values.map((each) => each ?? 0))];
  });
  return { caps: Object.fromEntries(best) };
}

/** A feature that got a limit later had none. */
function bestOf(all: readonly KeptTerms[], name: string): number | null {
  const values = all.flatMap(({ features, limits }) => {
    if (Object.hasOwn(limits, name)) return [limits[name] ?? null];
    return features.includes(name) ? [null] : [];
  });
  return values.includes(null) ? null : Math.max(...values.map((value) => value ?? 0));
}

/** What an account would lose with the plan as it is sold now. */
export interface Loss {
  features: string[];
  /** Lower than they are: from and to; null is unlimited, undefined that the limit is gone. */
  limits: { name: string; from: number | null; to: number | null | undefined }[];
}

/** What those who bought at a version have and new buyers of the plan do not get. */
export function lossOf(catalogue: Catalogue, plan: Plan, version: number | null): Loss {
  const kept = keptTerms(catalogue, plan, version);
  const limits = Object.entries(kept.limits).flatMap(([name, from]) => {
    const to = Object.hasOwn(plan.limits, name) ? (plan.limits[name] ?? null) : undefined;
    const isLower = to === undefined || (to !== null && (from === null || from > to));
    return isLower ? [{ name, from, to }] : [];
  });
  return { features: kept.features.filter((each) => !plan.features.includes(each)), limits };
}
