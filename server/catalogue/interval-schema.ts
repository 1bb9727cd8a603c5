import { z } from 'zod';
import { COUNTED_INTERVAL, isPlanInterval, NAMED_INTERVALS } from '../../state/intervals.ts';

/** As keys of the plans file, so that editors complete the names. */
export const intervalKey = z.union([
  z.enum(NAMED_INTERVALS),
  z.string().regex(COUNTED_INTERVAL, 'must be monthly, quarterly, yearly, …, or such as 6_months'),
]);

/** `monthly`, or a count and a unit, such as `6_months`. */
export const intervalText = z
  .string()
  .refine(isPlanInterval, 'must be monthly, quarterly, yearly, …, or such as 6_months')
  .describe('daily, weekly, monthly, quarterly, yearly, or a count and a unit, such as 6_months');

/** As requests name it: by its name, or as Stripe does. */
export const intervalChoice = z.union([
  intervalText,
  z.strictObject({
    interval: z.enum(['day', 'week', 'month', 'year']),
    count: z.int().min(1).max(1_000),
  }),
]);
