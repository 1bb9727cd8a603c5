import { readFileSync } from 'node:fs';
import type { Catalogue, Plan, PlanPrice, PlanPrices } from '../../state/catalogue.ts';
import { intervalOf } from '../../state/intervals.ts';
import { ConfigError, type Config } from '../config/config.ts';
import { DEFAULT_PLANS } from './default-plans.ts';
import { planFile, type PlanFile } from './plan-file.ts';
import { entriesOf, referenceOf, type PriceEntry } from './price-entry.ts';

/**
 * The catalogue of `PLANS_FILE`, or the default one. Amounts are not known yet: see `fillAmounts`.
 * Throws a ConfigError that lists every mistake of the file.
 */
export function loadCatalogue(
  config: Config,
  env: Record<string, string | undefined> = process.env,
): Catalogue {
  const file = planFileOf(config.plans.file);
  const unset = new Set<string>();
  const variables = { ...env, ...withoutNulls(config.plans.prices) };
  const price = (entry: PriceEntry | undefined): PlanPrice | undefined => {
    const reference = entry === undefined ? undefined : referenceOf(entry);
    const priceId = reference?.startsWith('$') ? variables[reference.slice(1)] : reference;
    if (reference !== undefined && !priceId) unset.add(reference);
    return priceId ? { priceId, amount: null, currency: '' } : undefined;
  };
  const catalogue: Catalogue = {
    plans: file.plans
      .map((plan) =>
        withCaps({
          ...plan,
          prices: pricesIn(plan.prices, price),
          formerPrices: plan.formerPrices?.flatMap((entry) => price(entry)?.priceId ?? []),
          meters: plan.meters?.flatMap(({ priceId, ...meter }) => {
            const found = price(priceId);
            const interval =
              meter.interval === undefined ? undefined : (intervalOf(meter.interval) ?? undefined);
            return found ? [{ ...meter, interval, priceId: found.priceId }] : [];
          }),
        }),
      )
      .sort((a, b) => a.rank - b.rank),
    addons: file.addons.map((addon) => ({
      ...addon,
      prices: pricesIn(addon.prices, price),
      formerPrices: addon.formerPrices?.flatMap((entry) => price(entry)?.priceId ?? []),
    })),
    products: file.products.flatMap((product) => {
      const found = price(product.priceId);
      return found ? [{ ...product, ...found }] : [];
    }),
  };
  // Of the default plans, what has no price is not sold; a file of one's own means all of it.
  if (config.plans.file !== null && unset.size > 0) {
    throw new ConfigError(
      [...unset].map(
        (name) =>
          `PLANS_FILE (${config.plans.file}) names ${name}, which is not set: set it to a price id, or run npm run setup:stripe, which makes the price`,
      ),
    );
  }
  return catalogue;
}

/** The caps of its meters, if one has any. */
function withCaps(plan: Plan): Plan {
  const { meters = [] } = plan;
  if (meters.every(({ cap }) => cap === undefined)) return plan;
  return {
    ...plan,
    caps: Object.fromEntries(meters.map(({ priceId, cap = null }) => [priceId, cap])),
  };
}

/** By interval the first price, with those of the same in other currencies. */
function pricesIn(
  prices: PlanFile['plans'][number]['prices'],
  price: (entry: PriceEntry) => PlanPrice | undefined,
): PlanPrices {
  const found: PlanPrices = {};
  for (const { interval, entry } of entriesOf(prices)) {
    const one = price(entry);
    const main = found[interval];
    if (one && main) main.others = [...(main.others ?? []), one];
    else if (one) found[interval] = one;
  }
  return found;
}

/** What the file of `PLANS_FILE` says, or (for null) the default plans. Throws a ConfigError that lists every mistake. */
export function planFileOf(path: string | null): PlanFile {
  return path === null ? DEFAULT_PLANS : readPlanFile(path);
}

function readPlanFile(path: string): PlanFile {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError([`PLANS_FILE (${path}) is not readable JSON: ${reason}`]);
  }
  const parsed = planFile.safeParse(content);
  if (parsed.success) return parsed.data;
  throw new ConfigError(
    parsed.error.issues.map(
      (issue) => `PLANS_FILE (${path}) ${issue.path.join('.')}: ${issue.message}`,
    ),
  );
}

function withoutNulls(record: Record<string, string | null>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(record).flatMap(([name, value]) => (value === null ? [] : [[name, value]])),
  );
}
