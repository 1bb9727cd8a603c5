import { z } from 'zod';
import { checkAccess } from './check-access.ts';
import { defineRoute, json } from '../http/define-route.ts';

/** May the caller use the product, or one feature of it? */
export const accessRoute = defineRoute({
  method: 'GET',
  path: '/api/billing/access',
  auth: 'user',
  members: true,
  summary: 'Whether the caller may use the product, or a feature',
  description:
    '`feature` is a feature, or a limit of the plan: then `limit` (null is unlimited) and `remaining` are answered, ' +
    "where a meter of that name, or `used`, says how much is used. Reasons for a refusal are the state's, " +
    '`feature_not_in_plan`, `feature_not_entitled`, `entitlements_unknown` (for a moment), `limit_reached` and `cap_reached`.',
  query: z.strictObject({
    feature: z.string().min(1).max(100).optional(),
    used: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
  }),
  response: z.object({
    allowed: z.boolean(),
    level: z.enum(['full', 'grace', 'none']),
    reason: z.string(),
    limit: z.int().nullable().optional(),
    remaining: z.int().nullable().optional(),
  }),
  handler: async (_request, { services, account, query }) =>
    json(await checkAccess(services, account.id, query)),
});
