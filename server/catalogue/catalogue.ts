import { readFileSync } from 'node:fs';
import type { StripeGateway } from '../../adapters/stripe-gateway.ts';
import type { Catalogue, PlanPrice } from '../../state/catalogue.ts';
import { ConfigError, type Config } from '../config/config.ts';
import { DEFAULT_PLANS } from './default-plans.ts';
import type { Logger } from '../lib/log.ts';
import { planFile, type PlanFile } from './plan-file.ts';
import { referenceOf, type PriceEntry } from './price-entry.ts';

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
      .map((plan) => ({
        ...plan,
        prices: { monthly: price(plan.prices.monthly), yearly: price(plan.prices.yearly) },
        formerPrices: plan.formerPrices?.flatMap((entry) => price(entry)?.priceId ?? []),
        meters: plan.meters?.flatMap(({ priceId, ...meter }) => {
          const found = price(priceId);
          return found ? [{ ...meter, priceId: found.priceId }] : [];
        }),
      }))
      .sort((a, b) => a.rank - b.rank),
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

/**
 * Reads amount and currency of every price from Stripe into the catalogue. A price that cannot be
 * read keeps `amount: null` and is logged; selling goes on, Checkout shows the amount.
 */
export async function fillAmounts(
  catalogue: Catalogue,
  parts: { stripe: StripeGateway; log: Logger },
): Promise<void> {
  const prices = [
    ...catalogue.plans.flatMap(({ prices: { monthly, yearly } }) => [monthly, yearly]),
    ...catalogue.products,
  ].filter((price) => price !== undefined);
  const productOf = new Map<string, string>();
  await Promise.all(
    prices.map(async (price) => {
      try {
        const found = await parts.stripe.retrievePrice(price.priceId);
        price.amount = found.billing_scheme === 'tiered' ? null : found.unit_amount;
        price.currency = found.currency;
        if (!found.active) Object.assign(price, { archived: true });
        if (found.recurring?.usage_type === 'metered') Object.assign(price, { metered: true });
        const product = typeof found.product === 'string' ? found.product : found.product.id;
        productOf.set(price.priceId, product);
      } catch (error) {
        parts.log.warn({ err: error, priceId: price.priceId }, 'price could not be read');
      }
    }),
  );
  setProducts(catalogue, productOf);
}

/** A product that two plans share tells nothing of a price: it is neither's. */
function setProducts(catalogue: Catalogue, productOf: ReadonlyMap<string, string>): void {
  const products = catalogue.plans.map(({ prices: { monthly, yearly } }) => {
    const ids = [monthly, yearly].flatMap((price) => productOf.get(price?.priceId ?? '') ?? []);
    return [...new Set(ids)];
  });
  for (const [i, plan] of catalogue.plans.entries()) {
    const others = new Set(products.filter((_, other) => other !== i).flat());
    plan.productIds = products[i]?.filter((id) => !others.has(id));
  }
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
