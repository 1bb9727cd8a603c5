import { z } from 'zod';
import { AGGREGATIONS } from '../../state/aggregation.ts';
import { intervalKey } from './interval-schema.ts';
import { priceEntries, priceEntry, priceReference } from './price-entry.ts';

const features = z
  .array(z.string())
  .describe('Names of your own, which GET /api/billing/access?feature=NAME answers');
const limits = z
  .record(z.string(), z.int().min(0).nullable())
  .describe('How much of what, by names of your own; null is unlimited');

const file = z.strictObject({
  $schema: z.string().optional().describe('Where an editor finds this schema'),
  plans: z
    .array(
      z.strictObject({
        id: z
          .string()
          .regex(/^[a-z0-9_-]{1,64}$/, 'must be lower-case letters, digits, - or _')
          .describe('What the API and the history call it; do not change it once it is sold'),
        name: z.string().min(1).describe('What people read'),
        description: z.string().optional(),
        rank: z.int().describe('A higher rank is a bigger plan: moving up is charged at once'),
        features: features.default([]),
        limits: limits.default({}),
        prices: priceEntries.default({}),
        default: z
          .literal(true)
          .optional()
          .describe('Free, and what every account without a subscription has; it has no prices'),
        formerPrices: z
          .array(priceReference)
          .optional()
          .describe('Prices that it was sold at before: who pays one has the plan'),
        meters: z
          .array(
            z.strictObject({
              meter: z.string().min(1).max(100).describe('The event name of the meter in Stripe'),
              priceId: priceEntry,
              interval: intervalKey
                .optional()
                .describe('The interval of the plan that it goes with; every one without it'),
              reportedBy: z
                .enum(['host', 'user'])
                .optional()
                .describe('Who may report it over HTTP: your own code (default), or users too'),
              aggregation: z
                .enum(AGGREGATIONS)
                .optional()
                .describe(
                  'What of a period counts: the sum of the quantities (default), the number of records, the last quantity, or the highest (max). The meter in Stripe has the formula sum for sum and count, and last for last and max',
                ),
              alerts: z
                .array(z.int().min(1))
                .optional()
                .describe(
                  'Numbers of a period of which customer and host are told once: usage.threshold',
                ),
              cap: z
                .int()
                .min(1)
                .optional()
                .describe(
                  'Where the gate refuses until the next period (cap_reached); what is recorded all the same is billed',
                ),
            }),
          )
          .optional(),
        seats: z
          .strictObject({ min: z.int().min(1).optional(), max: z.int().min(1).optional() })
          .optional()
          .describe('Sold by the seat, so many at least and at most'),
      }),
    )
    .min(1)
    .refine(
      (plans) => plans.filter((plan) => plan.default).length <= 1,
      'can have one plan with "default": true',
    )
    .refine(
      (plans) => plans.every((plan) => !plan.default || Object.keys(plan.prices).length === 0),
      'has a plan with "default": true and prices: the default plan is free',
    )
    .superRefine((plans, ctx) => {
      const meters = plans.flatMap((plan) => plan.meters ?? []);
      for (const name of new Set(meters.map(({ meter }) => meter))) {
        const own = meters.filter(({ meter }) => meter === name);
        const ways = [...new Set(own.map(({ aggregation = 'sum' }) => aggregation))];
        if (ways.length > 1) {
          const message = `counts the meter "${name}" as ${ways.join(' and as ')}: a meter counts in one way, in every plan`;
          ctx.addIssue({ code: 'custom', message });
        }
      }
    }),
  addons: z
    .array(
      z.strictObject({
        id: z.string().regex(/^[a-z0-9_-]{1,64}$/),
        name: z.string().min(1),
        description: z.string().optional(),
        features: features.default([]),
        limits: limits.default({}).describe('What one of it adds to the limits of the plan'),
        prices: priceEntries,
        plans: z
          .array(z.string())
          .min(1)
          .optional()
          .describe('The plans that it goes with; every one without it'),
        max: z.int().min(1).optional().describe('How many can be bought; one without it'),
        formerPrices: z
          .array(priceReference)
          .optional()
          .describe('Prices that it was sold at before'),
      }),
    )
    .default([])
    .describe('What is bought beside a plan, on the same subscription'),
  products: z
    .array(
      z.strictObject({
        id: z.string().regex(/^[a-z0-9_-]{1,64}$/),
        name: z.string().min(1),
        description: z.string().optional(),
        priceId: priceEntry,
        once: z.boolean().optional().describe('An account can buy it once'),
        credit: z
          .strictObject({
            amount: z.int().min(1).describe('Minor units of the currency that it is paid in'),
            meter: z
              .string()
              .optional()
              .describe('The meter whose usage it pays for; every one without it'),
            days: z.int().min(1).max(36_500).optional().describe('For ever without it'),
          })
          .optional()
          .describe(
            'Prepaid for usage, and used before usage is charged (Stripe: credit grants); taken back with a refund',
          ),
        grants: z
          .strictObject({
            plan: z.string().optional().describe('A whole plan'),
            features: features.optional(),
            limits: limits.optional(),
            combine: z
              .enum(['best', 'add'])
              .optional()
              .describe('Whether its limits are added to others, or the better one counts'),
            days: z.int().min(1).max(36_500).optional().describe('For ever without it'),
          })
          .optional()
          .describe('What the account gets with it, until it is refunded'),
      }),
    )
    .default([]),
});

/** Stripe lets prepaid credit name so many prices. */
const MAX_CREDIT_PRICES = 20;

export const planFile = file.superRefine(({ plans, products }, ctx) => {
  const meters = plans.flatMap((plan) => plan.meters ?? []);
  for (const [index, { credit }] of products.entries()) {
    if (credit?.meter === undefined) continue;
    const prices = meters.filter(({ meter }) => meter === credit.meter).length;
    const path = ['products', index, 'credit', 'meter'];
    if (prices === 0) {
      const message = `no plan has a meter "${credit.meter}"`;
      ctx.addIssue({ code: 'custom', path, message });
    } else if (prices > MAX_CREDIT_PRICES) {
      const message = `"${credit.meter}" has more than ${MAX_CREDIT_PRICES} prices; leave the meter out, then the credit pays for every one`;
      ctx.addIssue({ code: 'custom', path, message });
    }
  }
});

/** What `PLANS_FILE` holds. */
export type PlanFile = z.infer<typeof planFile>;
