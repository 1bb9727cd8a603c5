import { z } from 'zod';
import { priceEntry, priceReference } from './price-entry.ts';

export const planFile = z.strictObject({
  plans: z
    .array(
      z.strictObject({
        id: z.string().regex(/^[a-z0-9_-]{1,64}$/, 'must be lower-case letters, digits, - or _'),
        name: z.string().min(1),
        description: z.string().optional(),
        rank: z.int(),
        features: z.array(z.string()).default([]),
        limits: z.record(z.string(), z.int().min(0).nullable()).default({}),
        prices: z
          .strictObject({ monthly: priceEntry.optional(), yearly: priceEntry.optional() })
          .default({}),
        default: z.literal(true).optional(),
        formerPrices: z.array(priceReference).optional(),
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
    .min(1)
    .refine(
      (plans) => plans.filter((plan) => plan.default).length <= 1,
      'can have one plan with "default": true',
    )
    .refine(
      (plans) => plans.every((plan) => !plan.default || Object.keys(plan.prices).length === 0),
      'has a plan with "default": true and prices: the default plan is free',
    ),
  products: z
    .array(
      z.strictObject({
        id: z.string().regex(/^[a-z0-9_-]{1,64}$/),
        name: z.string().min(1),
        description: z.string().optional(),
        priceId: priceEntry,
        once: z.boolean().optional(),
        grants: z
          .strictObject({
            plan: z.string().optional(),
            features: z.array(z.string()).optional(),
            limits: z.record(z.string(), z.int().min(0).nullable()).optional(),
            combine: z.enum(['best', 'add']).optional(),
            days: z.int().min(1).max(36_500).optional(),
          })
          .optional(),
      }),
    )
    .default([]),
});

/** What `PLANS_FILE` holds. */
export type PlanFile = z.infer<typeof planFile>;
