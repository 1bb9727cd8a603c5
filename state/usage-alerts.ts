/** What is told as usage goes up: thresholds of a plan's meter, and the cap beyond which its gate refuses. */
import { findPlan, type Catalogue } from './catalogue.ts';
import { webhookEffect, type Effect } from './effect-kinds.ts';
import { keptTerms } from './terms.ts';

/** A number of a period that is told when it is reached. */
export interface Threshold {
  threshold: number;
  /** Beyond it the gate refuses. */
  isCap: boolean;
}

/** What an account pays for, as far as its meters go. */
export interface MeteredAccount {
  userId: string;
  customerId: string;
  /** The plans of its subscriptions, with the version of their terms that was sold. */
  plans: readonly { plan: string; version: number | null }[];
  meteredPrices: readonly string[];
}

/** Meters of which some plan tells a threshold, now or by terms that were sold. */
export function watchedMeters(catalogue: Catalogue): ReadonlySet<string> {
  const meters = catalogue.plans.flatMap((plan) => plan.meters ?? []);
  const sold = [...(catalogue.terms?.values() ?? [])].flat().map(({ caps }) => caps ?? {});
  const isCapped = (priceId: string) => sold.some((caps) => typeof caps[priceId] === 'number');
  return new Set(
    meters
      .filter(({ alerts, cap, priceId }) => Boolean(alerts ?? cap) || isCapped(priceId))
      .map(({ meter }) => meter),
  );
}

/** What is told of a meter for an account, and the cap that it bought. */
export function thresholdsOf(
  catalogue: Catalogue,
  account: Pick<MeteredAccount, 'plans' | 'meteredPrices'>,
  meter: string,
): Threshold[] {
  const found = new Map<number, Threshold>();
  for (const { plan: id, version } of account.plans) {
    const plan = findPlan(catalogue, id);
    if (!plan) continue;
    const { caps = {} } = keptTerms(catalogue, plan, version);
    const own = (plan.meters ?? []).filter(
      (each) => each.meter === meter && account.meteredPrices.includes(each.priceId),
    );
    for (const { priceId, alerts = [] } of own) {
      const cap = caps[priceId] ?? null;
      for (const threshold of alerts) found.set(threshold, { threshold, isCap: false });
      if (cap !== null) found.set(cap, { threshold: cap, isCap: true });
    }
  }
  return [...found.values()].toSorted((a, b) => a.threshold - b.threshold);
}

/** One threshold is told once for an account, meter and period. */
export function nameOfThreshold(of: {
  userId: string;
  meter: string;
  /** Start of the period, in ms. */
  from: number;
  threshold: number;
}): string {
  return `${of.userId}:${of.meter}:${of.from}:${of.threshold}`;
}

/** The mail to the customer and the webhook to the team. */
export function thresholdEffects(
  usage: {
    account: MeteredAccount;
    meter: string;
    recorded: number;
    period: { from: number; until: number | null };
    at: number;
  },
  { threshold, isCap }: Threshold,
): Effect[] {
  const { account, meter, recorded, period, at } = usage;
  const { userId, customerId, plans } = account;
  const data = {
    userId,
    customerId,
    plan: plans[0]?.plan ?? null,
    meter,
    recorded,
    threshold,
    isCap,
    periodStart: new Date(period.from).toISOString(),
    periodEnd: period.until === null ? null : new Date(period.until).toISOString(),
  };
  const objectId = nameOfThreshold({ userId, meter, from: period.from, threshold });
  return [
    webhookEffect('usage.threshold', objectId, { at, data }),
    { objectId, kind: 'mail.usage_threshold', payload: data },
  ];
}
