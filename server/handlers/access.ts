import { z } from 'zod';
import { checkAccess } from '../access.ts';
import { defineRoute, json } from '../route.ts';

/** May the caller use the product, or one feature of it? */
export const accessRoute = defineRoute({
  method: 'GET',
  path: '/api/billing/access',
  auth: 'user',
  summary: 'Whether the caller may use the product, or a feature',
  query: z.strictObject({ feature: z.string().min(1).max(100).optional() }),
  response: z.object({
    allowed: z.boolean(),
    level: z.enum(['full', 'grace', 'none']),
    reason: z.string(),
  }),
  handler: async (_request, { services, user, query }) =>
    json(await checkAccess(services, user.id, query.feature)),
});
