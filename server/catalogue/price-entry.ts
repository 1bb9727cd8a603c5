import { z } from 'zod';
import type { PlanInterval } from '../../state/intervals.ts';
import { intervalOf } from '../../state/intervals.ts';
import { intervalKey } from './interval-schema.ts';

/** A Stripe price id, or `$NAME` of the environment variable that holds it. */
export const priceReference = z
  .string()
  .regex(
    /^(\$[A-Z][A-Z0-9_]*|(price|plan)_\w+)$/,
    'must be a price id (price_…) or $NAME of a variable that holds one',
  );

const minorUnits = z.int().min(0);
/** Minor units with a fraction, such as `0.25`: usage is often cheaper than a cent. */
const fractionOfMinorUnits = z
  .string()
  .regex(/^\d+(\.\d{1,12})?$/, 'must be a number such as 0.25');

const currency = z.string().regex(/^[a-z]{3}$/, 'must be a currency in lower case, such as usd');
const amount = z.union([minorUnits, fractionOfMinorUnits]);

const tier = z.strictObject({
  upTo: z.int().min(1).nullable().describe('null for the last tier'),
  unit: z.union([minorUnits, fractionOfMinorUnits]).optional(),
  flat: minorUnits.optional(),
});

/** What a price costs: only `npm run setup:stripe`, which makes the prices, needs it. */
const priceSpec = z
  .strictObject({
    price: priceReference.describe('The id, or $NAME of the variable that holds it'),
    currency,
    amount: amount
      .optional()
      .describe('Minor units (cents) for one; a text such as "0.25" for a fraction of one'),
    tiers: z.array(tier).min(1).optional(),
    tiersMode: z.enum(['graduated', 'volume']).optional(),
    currencies: z
      .record(
        currency,
        z
          .strictObject({ amount: amount.optional(), tiers: z.array(tier).min(1).optional() })
          .refine(
            (option) => (option.amount === undefined) !== (option.tiers === undefined),
            'must have either amount or tiers',
          ),
      )
      .optional()
      .describe('What the same price costs in other currencies (Stripe: currency_options)'),
    lookupKey: z
      .string()
      .min(1)
      .max(200)
      .optional()
      .describe('What finds the price again in Stripe; default <plan>_<interval>'),
  })
  .refine(
    ({ amount, tiers }) => (amount === undefined) !== (tiers === undefined),
    'must have either amount or tiers',
  )
  .refine(
    ({ currencies = {}, tiers }) =>
      Object.values(currencies).every(
        (option) => (option.tiers === undefined) === (tiers === undefined),
      ),
    'must have tiers in every currency, or in none',
  )
  .refine(
    ({ currencies = {}, currency: own }) => !Object.hasOwn(currencies, own),
    'names its own currency in currencies',
  );

/** A reference alone, or with what the price costs. */
export const priceEntry = z.union([priceReference, priceSpec]);
export type PriceEntry = z.infer<typeof priceEntry>;

/** The prices of a plan or an add-on, by interval; several where each is for another currency. */
export const priceEntries = z
  .partialRecord(intervalKey, z.union([priceEntry, z.array(priceEntry).min(1)]))
  .describe('By interval: monthly, quarterly, yearly, weekly, daily, or such as 6_months');
type PriceEntries = z.infer<typeof priceEntries>;

/** The entries of a plan or an add-on one by one. */
export function entriesOf(
  prices: PriceEntries,
): { interval: PlanInterval; entry: PriceEntry; isMain: boolean }[] {
  return Object.entries(prices).flatMap(([name, given]) => {
    const interval = intervalOf(name);
    const list = Array.isArray(given) ? given : [given];
    return list.flatMap((entry, index) =>
      entry === undefined || interval === null ? [] : [{ interval, entry, isMain: index === 0 }],
    );
  });
}
export type PriceSpec = z.infer<typeof priceSpec>;

/** The reference of an entry, in either form. */
export function referenceOf(entry: PriceEntry): string {
  return typeof entry === 'string' ? entry : entry.price;
}
