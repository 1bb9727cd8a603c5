import type { Stripe } from 'stripe';
import { stripeDecimal } from '../../../adapters/stripe-gateway.ts';
import { intervalWords, type Every } from '../../../state/intervals.ts';
import type { BillingInterval } from '../../../state/types.ts';
import type { PriceSpec } from '../../catalogue/price-entry.ts';

/** What a price must be, in the words of the plans file. */
export interface WantedPrice {
  spec: PriceSpec;
  /** Null for a one-time price. */
  every: Every | null;
  /** The meter that its usage is counted by; null for a price that is not metered. */
  meterId: string | null;
}

/** In what a price at Stripe is not what is wanted, e.g. `2000 → 2500`; empty when it is the same. */
export function priceDifferences(price: Stripe.Price, wanted: WantedPrice): string[] {
  const { spec, every, meterId } = wanted;
  const pairs: [name: string, here: string, want: string][] = [
    ['currency', price.currency, spec.currency],
    ['interval', intervalAt(price), every === null ? 'once' : intervalWords(every)],
    ['meter', price.recurring?.meter ?? 'none', meterId ?? 'none'],
    ['amount', amountAt(price, price), amountWanted(spec)],
    ['tiers', tiersAt(price), tiersWanted(spec)],
    ['mode', price.tiers_mode ?? 'none', spec.tiers ? (spec.tiersMode ?? 'graduated') : 'none'],
  ];
  for (const [currency, option] of Object.entries(spec.currencies ?? {})) {
    const here = price.currency_options?.[currency];
    pairs.push(
      [`amount in ${currency}`, here ? amountAt(price, here) : 'none', amountWanted(option)],
      [`tiers in ${currency}`, here ? tiersAt(here) : 'none', tiersWanted(option)],
    );
  }
  return pairs
    .filter(([, here, want]) => here !== want)
    .map(([name, here, want]) => `${name} ${here} → ${want}`);
}

/** The parameters that make such a price. */
export function priceParams(
  wanted: WantedPrice,
  at: { product: string; lookupKey: string },
): Stripe.PriceCreateParams {
  const { spec, every, meterId } = wanted;
  const options = Object.entries(spec.currencies ?? {});
  return {
    product: at.product,
    currency: spec.currency,
    lookup_key: at.lookupKey,
    transfer_lookup_key: true,
    ...(every === null
      ? {}
      : {
          recurring: {
            interval: every.interval,
            interval_count: every.count,
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
    ...(options.length === 0
      ? {}
      : {
          currency_options: Object.fromEntries(
            options.map(([currency, { amount, tiers }]) => [
              currency,
              tiers ? { tiers: tiers.map(tierParams) } : amountParams(amount ?? 0),
            ]),
          ),
        }),
  };
}

/** What a price or one of its currencies costs, in the words of the plans file. */
type Wanted = Pick<PriceSpec, 'amount' | 'tiers'>;
type Amounts = Pick<Stripe.Price.CurrencyOptions, 'unit_amount' | 'unit_amount_decimal' | 'tiers'>;

function intervalAt({ recurring }: Stripe.Price): string {
  if (!recurring) return 'once';
  const { interval, interval_count: count } = recurring;
  return intervalWords({ interval: interval as BillingInterval, count });
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

function amountParams(
  amount: number | string,
): Pick<Stripe.PriceCreateParams, 'unit_amount' | 'unit_amount_decimal'> {
  return typeof amount === 'string'
    ? { unit_amount_decimal: stripeDecimal(amount) }
    : { unit_amount: amount };
}

function amountAt({ billing_scheme: scheme }: Stripe.Price, amounts: Amounts): string {
  if (scheme === 'tiered') return 'tiers';
  return decimal(String(amounts.unit_amount_decimal ?? amounts.unit_amount ?? 0));
}

function amountWanted({ amount, tiers }: Wanted): string {
  return tiers ? 'tiers' : decimal(amount ?? 0);
}

function tiersAt({ tiers }: Amounts): string {
  if (!tiers) return 'none';
  return tiers
    .map((tier) =>
      tierText(
        tier.up_to,
        String(tier.unit_amount_decimal ?? tier.unit_amount ?? 0),
        tier.flat_amount ?? 0,
      ),
    )
    .join(', ');
}

function tiersWanted({ tiers }: Wanted): string {
  if (!tiers) return 'none';
  return tiers
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
