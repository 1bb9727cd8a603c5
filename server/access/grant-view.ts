import { z } from 'zod';
import { GRANT_SOURCES, type Grant } from '../../state/grants.ts';

/** A grant as the API shows it. */
export const grantSchema = z.object({
  id: z.string(),
  plan: z.string().nullable().describe('A whole plan'),
  features: z.array(z.string()),
  limits: z.record(z.string(), z.int().nullable()).describe('null is unlimited'),
  combine: z.enum(['best', 'add']).describe('Whether limits are added, or the better one counts'),
  source: z.enum(GRANT_SOURCES),
  reason: z.string().nullable(),
  createdAt: z.iso.datetime(),
  endsAt: z.iso.datetime().nullable().describe('null is for ever'),
});

export function viewOfGrant(grant: Grant): z.infer<typeof grantSchema> {
  const { id, plan, features, limits, combine, source, reason, createdAt, endsAt } = grant;
  return {
    id,
    plan,
    features,
    limits,
    combine,
    source,
    reason,
    createdAt: new Date(createdAt).toISOString(),
    endsAt: endsAt === null ? null : new Date(endsAt).toISOString(),
  };
}
