import type Stripe from 'stripe';

/** One priced part of a quantity: its own invoice line under graduated tiers. `amount` in minor units. */
export interface PricedPart {
  readonly kind: 'units' | 'flat';
  readonly quantity: number;
  readonly unitAmount: string | null;
  readonly amount: number;
  /** 1 for the first tier; 0 when the price has no tiers. */
  readonly tier: number;
}

type Amounts = {
  readonly unit: number | null;
  readonly unitText: string | null;
  readonly flat: number | null;
};

/** What a quantity costs under a price of any billing scheme, part by part; the sum of the parts is the line. */
export function pricedParts(price: Stripe.Price, quantity: number): PricedPart[] {
  const units = transformed(price, quantity);
  if (price.billing_scheme !== 'tiered') {
    const unitText = decimalText(price.unit_amount_decimal, price.unit_amount);
    return [
      {
        kind: 'units',
        quantity: units,
        unitAmount: unitText,
        amount: rounded(units * Number(unitText ?? 0)),
        tier: 0,
      },
    ];
  }
  const tiers = price.tiers ?? [];
  return price.tiers_mode === 'volume' ? volume(tiers, units) : graduated(tiers, units);
}

/** The amount of a quantity under a price, in minor units, rounded once per part. */
export function amountFor(price: Stripe.Price, quantity: number): number {
  return pricedParts(price, quantity).reduce((total, part) => total + part.amount, 0);
}

function transformed(price: Stripe.Price, quantity: number): number {
  const rule = price.transform_quantity;
  if (rule === null) return quantity;
  const packs = quantity / rule.divide_by;
  return rule.round === 'up' ? Math.ceil(packs) : Math.floor(packs);
}

/** The tier that the whole quantity falls in prices every unit. */
function volume(tiers: readonly Stripe.Price.Tier[], units: number): PricedPart[] {
  const index = tiers.findIndex((tier) => tier.up_to === null || units <= tier.up_to);
  const tier = tiers[index];
  return tier === undefined ? [] : tierParts(tier, units, index + 1);
}

/** Each tier prices the units that fall in it; a flat amount is due once its tier is reached. */
function graduated(tiers: readonly Stripe.Price.Tier[], units: number): PricedPart[] {
  const parts: PricedPart[] = [];
  let from = 0;
  for (const [index, tier] of tiers.entries()) {
    const reached = index === 0 || units > from;
    const inTier = Math.max(0, Math.min(units, tier.up_to ?? units) - from);
    if (reached) parts.push(...tierParts(tier, inTier, index + 1));
    from = tier.up_to ?? units;
  }
  return parts;
}

function tierParts(tier: Stripe.Price.Tier, units: number, index: number): PricedPart[] {
  const { unit, unitText, flat } = amountsOf(tier);
  const parts: PricedPart[] = [
    {
      kind: 'units',
      quantity: units,
      unitAmount: unitText ?? '0',
      amount: rounded(units * (unit ?? 0)),
      tier: index,
    },
  ];
  if (flat !== null && flat !== 0) {
    parts.push({
      kind: 'flat',
      quantity: 0,
      unitAmount: String(flat),
      amount: rounded(flat),
      tier: index,
    });
  }
  return parts;
}

function amountsOf(tier: Stripe.Price.Tier): Amounts {
  const unitText = decimalText(tier.unit_amount_decimal, tier.unit_amount);
  const flatText = decimalText(tier.flat_amount_decimal, tier.flat_amount);
  return {
    unit: unitText === null ? null : Number(unitText),
    unitText,
    flat: flatText === null ? null : Number(flatText),
  };
}

function decimalText(decimal: Stripe.Decimal | null, integer: number | null): string | null {
  if (decimal !== null) return String(decimal);
  return integer === null ? null : String(integer);
}

/** Half away from zero, after the dust of binary fractions is taken off. */
function rounded(amount: number): number {
  return Math.sign(amount) * Math.round(Number(Math.abs(amount).toFixed(6)));
}
