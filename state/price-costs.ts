/** What a price costs in each currency that it is sold in, with tiers and fractions of a minor unit. */
import type { Stripe } from 'stripe';

interface Tier {
  /** null for the last one. */
  upTo: number | null;
  /** Minor units as decimal text. */
  unit: string;
  flat: string;
}

/** In one currency. */
export interface Cost {
  /** Minor units for one as decimal text; null where tiers say it. */
  unit: string | null;
  tiers: Tier[] | null;
}

export interface PriceCosts {
  tiersMode: 'graduated' | 'volume' | null;
  /** Sold in packs of so many; null by the piece. */
  pack: { size: number; round: 'up' | 'down' } | null;
  /** By currency. */
  costs: Record<string, Cost>;
}

/** Digits after the decimal point that Stripe takes. */
const SCALE = 12;

/** What a quantity costs for one interval, in minor units as it is charged: each line is rounded. Null in a currency that it is not sold in. */
export function chargeFor(
  { tiersMode, pack, costs }: PriceCosts,
  { quantity, currency }: { quantity: number; currency: string },
): number | null {
  const cost = costs[currency];
  if (!cost) return null;
  const units = pack === null ? quantity : packs(quantity, pack);
  if (cost.tiers === null) return cost.unit === null ? null : line(units, cost.unit);
  return tiersMode === 'volume' ? volume(cost.tiers, units) : graduated(cost.tiers, units);
}

/** What one costs, where that is a whole number of minor units and does not depend on how many there are. */
export function unitAmountIn(price: PriceCosts, currency: string): number | null {
  const unit = price.costs[currency]?.unit ?? null;
  return unit === null || !Number.isInteger(Number(unit)) ? null : Number(unit);
}

function packs(quantity: number, { size, round }: NonNullable<PriceCosts['pack']>): number {
  return round === 'up' ? Math.ceil(quantity / size) : Math.floor(quantity / size);
}

/** The tier that the whole quantity falls in prices every unit. */
function volume(tiers: readonly Tier[], units: number): number {
  const tier = tiers.find(({ upTo }) => upTo === null || units <= upTo);
  return tier ? line(units, tier.unit) + line(1, tier.flat) : 0;
}

/** Each tier prices the units that fall in it; a flat amount is due once its tier is reached. */
function graduated(tiers: readonly Tier[], units: number): number {
  let from = 0;
  let sum = 0;
  for (const [index, { upTo, unit, flat }] of tiers.entries()) {
    if (index > 0 && units <= from) break;
    sum += line(Math.max(0, Math.min(units, upTo ?? units) - from), unit) + line(1, flat);
    from = upTo ?? units;
  }
  return sum;
}

/** Half up, to a whole minor unit. */
function line(units: number, unit: string): number {
  const scale = 10n ** BigInt(SCALE);
  return Number((2n * BigInt(units) * scaled(unit) + scale) / (2n * scale));
}

function scaled(decimal: string): bigint {
  const [whole = '0', fraction = ''] = decimal.split('.');
  return BigInt(whole + fraction.padEnd(SCALE, '0').slice(0, SCALE));
}

type Amounts = Pick<Stripe.Price.CurrencyOptions, 'unit_amount' | 'unit_amount_decimal' | 'tiers'>;

/** What a price that was read with its tiers and currencies costs. */
export function costsOf(price: Stripe.Price): PriceCosts {
  const pack = price.transform_quantity;
  const options = Object.entries(price.currency_options ?? {});
  return {
    tiersMode: price.billing_scheme !== 'tiered' ? null : tiersMode(price.tiers_mode),
    pack: pack && { size: pack.divide_by, round: pack.round === 'up' ? 'up' : 'down' },
    costs: Object.fromEntries(
      [...options, [price.currency, price] as const].map(([currency, amounts]) => [
        currency,
        costOf(price, amounts),
      ]),
    ),
  };
}

function costOf({ billing_scheme: scheme }: Stripe.Price, amounts: Amounts): Cost {
  if (scheme !== 'tiered') {
    return { unit: decimal(amounts.unit_amount_decimal, amounts.unit_amount), tiers: null };
  }
  const tiers = (amounts.tiers ?? null)?.map((tier) => ({
    upTo: tier.up_to,
    unit: decimal(tier.unit_amount_decimal, tier.unit_amount) ?? '0',
    flat: decimal(tier.flat_amount_decimal, tier.flat_amount) ?? '0',
  }));
  return { unit: null, tiers: tiers ?? null };
}

const tiersMode = (mode: Stripe.Price['tiers_mode']) =>
  mode === 'volume' ? 'volume' : 'graduated';

function decimal(exact: Stripe.Decimal | null, whole: number | null): string | null {
  if (exact !== null) return String(exact);
  return whole === null ? null : String(whole);
}
