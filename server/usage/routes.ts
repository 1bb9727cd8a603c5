import { AGGREGATIONS } from '../../state/aggregation.ts';
import { operatorActor } from '../../state/roles.ts';
import { z } from 'zod';
import { recordAudit } from '../../db/audit-log.ts';
import { retryRefused } from '../../db/usage-windows.ts';
import { AppError } from '../http/errors.ts';
import { defineRoute, json } from '../http/define-route.ts';
import type { Services } from '../lib/services.ts';
import { correctUsage } from './correct.ts';
import { usagePeriod } from '../../state/usage-period.ts';
import { reconcileUsage } from './reconcile.ts';

const meterName = z.string().min(1).max(100);
/** Printable: what a sender's own key looks like, and never one of ours. */
const usageKey = z
  .string()
  .regex(/^[\x20-\x7e]{1,200}$/, 'must be 1 to 200 printable ASCII characters');

const usageInput = z.strictObject({
  meter: meterName,
  /** Checked by the rules of usage, which say why they refuse. */
  quantity: z.number().optional().describe('Left out of a meter that counts records'),
  idempotencyKey: usageKey,
  timestamp: z.iso.datetime({ offset: true }).optional(),
});

/** Records usage of the caller; it reaches Stripe later, in batches. */
export const recordUsageRoute = defineRoute({
  method: 'POST',
  path: '/api/billing/usage',
  auth: 'user',
  oneByOne: false,
  members: true,
  summary: 'Record usage, one piece or up to 1,000',
  description:
    'Durable when it is answered; Stripe is told in batches. All or nothing is recorded: `usage_refused` lists what is ' +
    'wrong with which record. A key that was used before counts as a duplicate; with another quantity it is refused. ' +
    'Only meters with `reportedBy: "user"` take it.',
  body: z.union([usageInput, z.array(usageInput).min(1).max(1_000)]),
  response: z.object({ accepted: z.int(), duplicates: z.int() }),
  status: 202,
  errors: [
    'unknown_meter',
    'usage_refused',
    'no_billing_account',
    'forbidden',
    'not_allowed',
    'idempotency_conflict',
    'overloaded',
  ],
  handler: async (_request, { services, account, body }) => {
    const inputs = Array.isArray(body) ? body : [body];
    const foreign = inputs.find(
      ({ meter }) => services.usage.knows(meter) && !services.usage.isReportedByUser(meter),
    );
    if (foreign) {
      throw new AppError(
        'forbidden',
        `Usage of "${foreign.meter}" is reported by the server, not by who pays for it ("reportedBy": "user" in the plans file allows it).`,
      );
    }
    const receipt = await services.usage.record(
      inputs.map(({ timestamp, ...input }) => ({
        ...input,
        quantity: input.quantity ?? oneOf(services, input.meter),
        userId: account.id,
        reportedBy: 'user' as const,
        at: timestamp === undefined ? undefined : Date.parse(timestamp),
      })),
    );
    return json(receipt, 202);
  },
});

/** The quantity of a record that names none. */
function oneOf({ usage }: Pick<Services, 'usage'>, meter: string): number {
  if (!usage.knows(meter) || usage.aggregationOf(meter) === 'count') return 1;
  throw new AppError('invalid_request', `A record of "${meter}" needs a quantity.`, {
    fields: { meter },
  });
}

/** What the caller used in this period, from the ledger; Stripe is not asked. */
export const usageRoute = defineRoute({
  method: 'GET',
  path: '/api/billing/usage',
  auth: 'user',
  summary: "This period's usage of a meter, as recorded and as acknowledged by Stripe",
  query: z.strictObject({ meter: meterName }),
  response: z.object({
    meter: z.string(),
    periodStart: z.iso.datetime(),
    periodEnd: z.iso.datetime().nullable(),
    aggregation: z.enum(AGGREGATIONS).describe('What of the records of the period counts'),
    recorded: z.int(),
    acknowledged: z.int(),
    pending: z.int().describe('On its way: by how much it will change what Stripe has'),
    /** Refused by Stripe for good; an operator has to look. */
    refused: z.int(),
  }),
  errors: ['unknown_meter'],
  handler: async (_request, { services, account, query }) => {
    const { meter } = query;
    if (!services.usage.knows(meter)) {
      throw new AppError('unknown_meter', `No plan has a meter "${meter}".`);
    }
    const billed = await services.usage.account(account.id);
    const { from, until } = usagePeriod(billed, services.clock.now());
    const totals = await services.usage.totals(
      { userId: account.id, meter },
      { from, until: until ?? Number.MAX_SAFE_INTEGER },
    );
    return json({
      meter,
      periodStart: new Date(from).toISOString(),
      periodEnd: until === null ? null : new Date(until).toISOString(),
      aggregation: services.usage.aggregationOf(meter),
      ...totals,
    });
  },
});

/** Sets right what was recorded wrong. */
export const correctUsageRoute = defineRoute({
  method: 'POST',
  path: '/api/billing/usage/corrections',
  auth: 'admin',
  role: 'support',
  summary: 'Correct a record of usage while its invoice is not final',
  description:
    '`quantity` is what the record should have said; 0 takes it back. The difference goes to Stripe, negative if need be.',
  body: z.strictObject({
    userId: z.string().min(1).max(255),
    idempotencyKey: usageKey,
    quantity: z.number(),
    /** Whose key it is. */
    reportedBy: z.enum(['host', 'user']).default('host'),
  }),
  response: z.object({ from: z.int(), to: z.int() }),
  status: 202,
  errors: ['not_found', 'usage_refused'],
  handler: async (_request, { services, body, operator }) => {
    const corrected = await correctUsage(services, body);
    await recordAudit(services.database.knex, {
      actor: operatorActor(operator),
      action: 'usage.correct',
      target: body.userId,
      detail: { idempotencyKey: body.idempotencyKey, ...corrected },
    });
    return json(corrected, 202);
  },
});

/** Sends what Stripe refused once more. */
export const retryUsageRoute = defineRoute({
  method: 'POST',
  path: '/admin/api/usage/retry',
  auth: 'admin',
  role: 'admin',
  summary: 'Send usage again that Stripe refused, once the reason is fixed',
  response: z.object({ retried: z.int() }),
  status: 202,
  handler: async (_request, { services, operator }) => {
    const db = services.database.knex;
    const retried = await retryRefused(db, services.database.clock.now());
    services.usage.meters.forget();
    const detail = { retried };
    const actor = operatorActor(operator);
    await recordAudit(db, { actor, action: 'usage.retry', target: null, detail });
    return json({ retried }, 202);
  },
});

/** The ledger beside Stripe's count. */
export const reconcileUsageRoute = defineRoute({
  method: 'GET',
  path: '/admin/api/usage',
  auth: 'admin',
  role: 'viewer',
  summary: "A user's usage of a meter beside what Stripe counts",
  query: z.strictObject({ userId: z.string().min(1).max(255), meter: meterName }),
  response: z.object({
    meter: z.string(),
    from: z.iso.datetime(),
    until: z.iso.datetime(),
    recorded: z.int(),
    acknowledged: z.int(),
    atStripe: z.number(),
    difference: z.number(),
  }),
  errors: ['not_found', 'unknown_meter'],
  handler: async (_request, { services, query }) => {
    const found = await reconcileUsage(services, query);
    return json({
      ...found,
      from: new Date(found.from).toISOString(),
      until: new Date(found.until).toISOString(),
    });
  },
});
