import type { Stripe } from 'stripe';
import { stripeDecimal } from '../../../adapters/stripe-gateway.ts';
import type { PriceSpec } from '../../catalogue/price-entry.ts';

/** What a price must be, in the words of the plans file. */
export interface WantedPrice {
  spec: PriceSpec;
  /** Null for a one-time price. */
  interval: 'month' | 'year' | null;
  /** The meter that its usage is counted by; null for a price that is not metered. */
  meterId: string | null;
}

/** In what a price at Stripe is not what is wanted, e.g. `2000 → 2500`; empty when it is the same. */
export function priceDifferences(price: Stripe.Price, wanted: WantedPrice): string[] {
  const { spec, interval, meterId } = wanted;
  const pairs: [name: string, here: string, want: string][] = [
    ['currency', price.currency, spec.currency],
    ['interval', price.recurring?.interval ?? 'once', interval ?? 'once'],
    ['meter', price.recurring?.meter ?? 'none', meterId ?? 'none'],
    ['amount', amountAt(price), spec.tiers ? 'tiers' : decimal(spec.amount ?? 0)],
    ['tiers', tiersAt(price), tiersWanted(spec)],
    ['mode', price.tiers_mode ?? 'none', spec.tiers ? (spec.tiersMode ?? 'graduated') : 'none'],
  ];
  return pairs
    .filter(([, here, want]) => here !== want)
    .map(([name, here, want]) => `${name} ${here} → ${want}`);
}

/** The parameters that make such a price. */
export function priceParams(
  wanted: WantedPrice,
  at: { product: string; lookupKey: string },
): Stripe.PriceCreateParams {
  const { spec, interval, meterId } = wanted;
  return {
    product: at.product,
    currency: spec.currency,
    lookup_key: at.lookupKey,
    transfer_lookup_key: true,
    ...(interval === null
      ? {}
      : {
          recurring: {
            interval,
            ...(meterId === null ? {} : { usage_type: 'metered' as const, meter: meterId }),
          },
        }),
    ...(spec.tiers
      ? {
          billing_scheme: 'tiered' as const,
          tiers_mode: spec.tiersMode ?? ('graduated' as const),
          tiers: spec.tiers.map(tierParams),
        }
      : amountParams(spec.amount ?? 0)),
  };
}

type Tier = NonNullable<PriceSpec['tiers']>[number];

function tierParams(tier: Tier): Stripe.PriceCreateParams.Tier {
  return {
    up_to: tier.upTo ?? 'inf',
    ...(typeof tier.unit === 'string'
      ? { unit_amount_decimal: stripeDecimal(tier.unit) }
      : tier.unit === undefined
        ? {}
        : { unit_amount: tier.unit }),
    ...(tier.flat === undefined ? {} : { flat_amount: tier.flat }),
  };
}

function amountParams(amount: number | string): Partial<Stripe.PriceCreateParams> {
  return typeof amount === 'string'
    ? { unit_amount_decimal: stripeDecimal(amount) }
    : { unit_amount: amount };
}

function amountAt(price: Stripe.Price): string {
  if (price.billing_scheme === 'tiered') return 'tiers';
  return decimal(String(price.unit_amount_decimal ?? price.unit_amount ?? 0));
}

function tiersAt(price: Stripe.Price): string {
  if (!price.tiers) return 'none';
  return price.tiers
    .map((tier) =>
      tierText(
        tier.up_to,
        String(tier.unit_amount_decimal ?? tier.unit_amount ?? 0),
        tier.flat_amount ?? 0,
      ),
    )
    .join(', ');
}

function tiersWanted(spec: PriceSpec): string {
  if (!spec.tiers) return 'none';
  return spec.tiers
    .map((tier) => tierText(tier.upTo, String(tier.unit ?? 0), tier.flat ?? 0))
    .join(', ');
}

function tierText(upTo: number | null, unit: string, flat: number): string {
  return `to ${upTo ?? 'any'}: ${decimal(unit)} each${flat > 0 ? ` + ${flat}` : ''}`;
}

/** The same text for the same number, however it is written. */
function decimal(value: number | string): string {
  const text = String(value);
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}
