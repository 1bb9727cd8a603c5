import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { StripeGateway } from '../../adapters/stripe-gateway.ts';
import type { Catalogue, PlanPrice } from '../../state/catalogue.ts';
import { ConfigError, type Config } from '../config/config.ts';
import { DEFAULT_PLANS } from './default-plans.ts';
import type { Logger } from '../lib/log.ts';
import { priceEntry, referenceOf, type PriceEntry } from './price-entry.ts';

const planFile = z.strictObject({
  plans: z
    .array(
      z.strictObject({
        id: z.string().regex(/^[a-z0-9_-]{1,64}$/, 'must be lower-case letters, digits, - or _'),
        name: z.string().min(1),
        description: z.string().optional(),
        rank: z.int(),
        features: z.array(z.string()).default([]),
        limits: z.record(z.string(), z.int().min(0).nullable()).default({}),
        prices: z.strictObject({
          monthly: priceEntry.optional(),
          yearly: priceEntry.optional(),
        }),
        meters: z
          .array(
            z.strictObject({
              meter: z.string().min(1).max(100),
              priceId: priceEntry,
              interval: z.enum(['monthly', 'yearly']).optional(),
              reportedBy: z.enum(['host', 'user']).optional(),
            }),
          )
          .optional(),
        seats: z
          .strictObject({ min: z.int().min(1).optional(), max: z.int().min(1).optional() })
          .optional(),
      }),
    )
    .min(1),
  products: z
    .array(
      z.strictObject({
        id: z.string().regex(/^[a-z0-9_-]{1,64}$/),
        name: z.string().min(1),
        description: z.string().optional(),
        priceId: priceEntry,
      }),
    )
    .default([]),
});

/** What `PLANS_FILE` holds. */
export type PlanFile = z.infer<typeof planFile>;

/**
 * The catalogue of `PLANS_FILE`, or the default one. Amounts are not known yet: see `fillAmounts`.
 * Throws a ConfigError that lists every mistake of the file.
 */
export function loadCatalogue(
  config: Config,
  env: Record<string, string | undefined> = process.env,
): Catalogue {
  const file = planFileOf(config.plans.file);
  const variables = { ...env, ...withoutNulls(config.plans.prices) };
  const price = (entry: PriceEntry | undefined): PlanPrice | undefined => {
    const reference = entry === undefined ? undefined : referenceOf(entry);
    const priceId = reference?.startsWith('$') ? variables[reference.slice(1)] : reference;
    return priceId ? { priceId, amount: null, currency: '' } : undefined;
  };
  return {
    plans: file.plans
      .map((plan) => ({
        ...plan,
        prices: { monthly: price(plan.prices.monthly), yearly: price(plan.prices.yearly) },
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
  await Promise.all(
    prices.map(async (price) => {
      try {
        const found = await parts.stripe.retrievePrice(price.priceId);
        price.amount = found.billing_scheme === 'tiered' ? null : found.unit_amount;
        price.currency = found.currency;
        if (found.recurring?.usage_type === 'metered') Object.assign(price, { metered: true });
      } catch (error) {
        parts.log.warn({ err: error, priceId: price.priceId }, 'price could not be read');
      }
    }),
  );
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
