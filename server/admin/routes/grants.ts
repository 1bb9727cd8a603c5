import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { operatorActor } from '../../../state/roles.ts';
import { recordAudit } from '../../../db/audit-log.ts';
import { addGrant, findGrant, grantsOf, revokeGrant } from '../../../db/grants.ts';
import { findPlan } from '../../../state/catalogue.ts';
import { grantSchema, viewOfGrant } from '../../access/grant-view.ts';
import { defineRoute, json } from '../../http/define-route.ts';
import { AppError } from '../../http/errors.ts';

const PATH = '/admin/api/accounts/:id/grants';

const adminGrant = grantSchema.extend({
  grantedBy: z.string(),
  revokedAt: z.iso.datetime().nullable(),
});

type AdminGrant = z.infer<typeof adminGrant>;

const name = z.string().min(1).max(100);

const list = defineRoute({
  method: 'GET',
  path: PATH,
  auth: 'admin',
  role: 'viewer',
  summary: 'The grants of an account, newest first, those that are over too',
  response: z.object({ grants: z.array(adminGrant) }),
  handler: async (_request, { services, params }) => {
    const all = await grantsOf(services.database.knex, params['id'] ?? '');
    return json({ grants: all.map(asShown) });
  },
});

const create = defineRoute({
  method: 'POST',
  path: PATH,
  auth: 'admin',
  role: 'support',
  summary: 'Grants an account a plan, features or limits, until a date or for ever',
  body: z
    .strictObject({
      plan: name.optional(),
      features: z.array(name).max(100).default([]),
      limits: z.record(name, z.int().min(0).nullable()).default({}),
      combine: z.enum(['best', 'add']).default('best'),
      source: z.enum(['complimentary', 'goodwill']).default('complimentary'),
      reason: z.string().min(1).max(500),
      endsAt: z.iso.datetime({ offset: true }).nullable().default(null),
    })
    .refine(
      ({ plan, features, limits }) =>
        plan !== undefined || features.length + Object.keys(limits).length > 0,
      'must grant something: a plan, features or limits',
    ),
  response: adminGrant,
  status: 201,
  errors: ['unknown_plan'],
  handler: async (_request, { services, params, body, operator }) => {
    const now = services.clock.now();
    const endsAt = body.endsAt === null ? null : Date.parse(body.endsAt);
    if (endsAt !== null && endsAt <= now) {
      throw new AppError('invalid_request', 'endsAt: must be in the future.');
    }
    if (body.plan !== undefined && !findPlan(services.catalogue, body.plan)) {
      throw new AppError('unknown_plan', `There is no plan "${body.plan}".`);
    }
    const accountId = params['id'] ?? '';
    const actor = operatorActor(operator);
    const { plan = null, features, limits, combine, source, reason } = body;
    const id = `grant_${randomUUID()}`;
    const terms = { plan, features, limits, combine, source, reason, endsAt };
    const grant = { id, accountId, ...terms, grantedBy: actor, createdAt: now };
    await addGrant(services.database.knex, grant);
    services.access.invalidate(accountId);
    await recordAudit(services.database.knex, {
      actor,
      action: 'grants.create',
      target: accountId,
      detail: { id, ...terms },
    });
    return json(asShown({ ...grant, revokedAt: null }), 201);
  },
});

const revoke = defineRoute({
  method: 'POST',
  path: '/admin/api/grants/:id/revoke',
  auth: 'admin',
  role: 'support',
  summary: 'Ends a grant now',
  response: adminGrant,
  errors: ['not_found'],
  handler: async (_request, { services, params, operator }) => {
    const db = services.database.knex;
    const id = params['id'] ?? '';
    const changed = await revokeGrant(db, id, services.clock.now());
    const grant = await findGrant(db, id);
    if (!grant) throw new AppError('not_found', `There is no grant "${id}".`);
    services.access.invalidate(grant.accountId);
    if (changed) {
      const { accountId } = grant;
      const entry = {
        actor: operatorActor(operator),
        action: 'grants.revoke',
        target: accountId,
        detail: { id },
      };
      await recordAudit(db, entry);
    }
    return json(asShown(grant));
  },
});

function asShown(grant: Parameters<typeof viewOfGrant>[0]): AdminGrant {
  const { grantedBy, revokedAt } = grant;
  const ended = revokedAt === null ? null : new Date(revokedAt).toISOString();
  return { ...viewOfGrant(grant), grantedBy, revokedAt: ended };
}

export const GRANT_ROUTES = [list, create, revoke];
