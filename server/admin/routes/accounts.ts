import { z } from 'zod';
import { operatorActor } from '../../../state/roles.ts';
import { recordAudit } from '../../../db/audit-log.ts';
import { AppError } from '../../http/errors.ts';
import { defineRoute, json } from '../../http/define-route.ts';
import { exportAccount } from '../../operations/export-account.ts';
import { CannotForget, forgetAccount } from '../../operations/forget-account.ts';
import { linkAccount, NoSuchCustomer } from '../../operations/link.ts';

/** An operator's word on whose a Stripe customer is. */
const link = defineRoute({
  method: 'PUT',
  path: '/admin/api/accounts/:id/customer',
  auth: 'admin',
  role: 'admin',
  summary: 'Give a Stripe customer to an account, with its subscriptions',
  description:
    'What was linked before is replaced, and conflicts about either are settled. Nothing changes at Stripe but, with `mark`, our own metadata.',
  body: z.strictObject({
    customerId: z.string().regex(/^cus_\w{1,250}$/, 'must be the id of a customer (cus_…)'),
    mark: z.boolean().default(false),
  }),
  response: z.object({
    /** The customer that the account had before. */
    replaced: z.string().nullable(),
    /** Subscriptions that were read again. */
    subscriptions: z.int(),
  }),
  errors: ['not_found', 'rate_limited', 'stripe_rejected', 'stripe_unavailable'],
  handler: async (_request, { services, params, body, operator, requestId }) => {
    const accountId = accountIn(params);
    const actor = operatorActor(operator);
    try {
      const result = await linkAccount(services, { ...body, accountId, actor, requestId });
      await recordAudit(services.database.knex, {
        actor,
        action: 'account.link',
        target: accountId,
        detail: { ...body, replaced: result.replaced },
      });
      return json(result);
    } catch (error) {
      if (!(error instanceof NoSuchCustomer)) throw error;
      throw new AppError('not_found', error.message, { cause: error });
    }
  },
});

const exported = defineRoute({
  method: 'GET',
  path: '/admin/api/accounts/:id/export',
  auth: 'admin',
  role: 'support',
  summary: 'All that is stored of an account',
  response: null,
  produces: 'application/json',
  errors: ['not_found'],
  handler: async (_request, { services, params, operator }) => {
    const accountId = accountIn(params);
    await recordAudit(services.database.knex, {
      actor: operatorActor(operator),
      action: 'account.export',
      target: accountId,
      detail: {},
    });
    const parts = exportAccount(services, accountId);
    const text = new TextEncoder();
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        const { done, value } = await parts.next();
        if (done) controller.close();
        else controller.enqueue(text.encode(value));
      },
      async cancel() {
        await parts.return(undefined);
      },
    });
    return new Response(body, { headers: { 'content-type': 'application/json; charset=utf-8' } });
  },
});

const forget = defineRoute({
  method: 'POST',
  path: '/admin/api/accounts/:id/forget',
  auth: 'admin',
  role: 'admin',
  summary: 'Take personal data of an account out of the database; the history stays by id',
  response: z.object({ redacted: z.int(), customerIds: z.array(z.string()) }),
  errors: ['not_allowed'],
  handler: async (_request, { services, params, operator }) => {
    const accountId = accountIn(params);
    try {
      return json(await forgetAccount(services, { accountId, actor: operatorActor(operator) }));
    } catch (error) {
      if (!(error instanceof CannotForget)) throw error;
      throw new AppError('not_allowed', error.message, { cause: error });
    }
  },
});

function accountIn({ id = '' }: Record<string, string>): string {
  if (id !== '' && id.length <= 255 && !id.includes('\0')) return id;
  throw new AppError('not_found', 'There is no such account.');
}

export const ACCOUNTS = [link, exported, forget];
