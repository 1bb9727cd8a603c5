import type { z } from 'zod';
import { isGatewayError } from '../../../adapters/stripe-gateway.ts';
import { recordAudit } from '../../../db/audit-log.ts';
import { findCustomerByUser } from '../../../db/customers.ts';
import { operatorActor, type Account, type Operator } from '../../../state/roles.ts';
import { defineRoute, type HandlerContext, type Route } from '../../http/define-route.ts';
import { AppError, type ErrorCode } from '../../http/errors.ts';

/** What an act gets: the operator, and the account for which they act, as its own commands have it. */
export type ActContext<Body> = Omit<HandlerContext<Body>, 'operator' | 'account'> & {
  operator: Operator;
  account: Account;
};

interface ActSpec<Body extends z.ZodType> {
  /** How the audit log calls it: `refund`. */
  name: string;
  /** Behind `/admin/api/accounts/:id/`. */
  path: string;
  summary: string;
  description?: string;
  body: Body;
  response: z.ZodType;
  status?: number;
  errors?: ErrorCode[];
  /** False for what only asks: it is not noted. */
  noted?: false;
  run: (context: ActContext<z.output<Body>>) => Promise<Response>;
}

/** An act of an operator for an account: noted in the audit log, with Stripe's refusals in words. */
export function defineAct<Body extends z.ZodType>(spec: ActSpec<Body>): Route {
  const { name, path, run, noted, errors = [], ...rest } = spec;
  return defineRoute({
    method: 'POST',
    path: `/admin/api/accounts/:id/${path}`,
    auth: 'admin',
    role: 'support',
    errors: [...errors, 'not_found', 'not_allowed'],
    ...(noted === false && { audited: false }),
    ...rest,
    handler: async (_request, context) => {
      const account = await payerIn(context);
      const { body } = context;
      const response = await inWords(() => run({ ...context, account } as never));
      if (noted !== false) {
        await noteAct(context, { name, account, detail: body as Record<string, unknown> });
      }
      return response;
    },
  });
}

interface OnBehalf {
  name: string;
  path: string;
  summary: string;
  /** False for what only asks: it is not noted. */
  noted?: false;
}

/** A customer's own command given by an operator: the same validation, lock, quote and rules. */
export function onBehalf(route: Route, { name, path, summary, noted }: OnBehalf): Route {
  const { members: _members, ...own } = route;
  return {
    ...own,
    path: `/admin/api/accounts/:id/${path}`,
    auth: 'admin',
    role: 'support',
    summary,
    ...(noted === false && { audited: false }),
    errors: [...(route.errors ?? []), 'not_found', 'not_allowed'],
    handle: async (request, context) => {
      const account = await payerIn(context);
      const { invoice = '' } = context.params;
      const asPayer = { ...context, user: null, account, params: { id: invoice } };
      const response = await inWords(() => route.handle(request, asPayer));
      if (noted !== false) {
        const detail = (await context.json()) as Record<string, unknown>;
        await noteAct(context, { name, account, detail });
      }
      return response;
    },
  };
}

type Noting = Pick<HandlerContext, 'services' | 'operator' | 'params'>;

async function noteAct(
  { services, operator, params }: Noting,
  act: { name: string; account: Account; detail: Record<string, unknown> },
): Promise<void> {
  if (operator === null) throw new Error('An act without an operator');
  const { invoice, mail } = params;
  await recordAudit(services.database.knex, {
    actor: operatorActor(operator),
    action: `account.${act.name}`,
    target: act.account.id,
    detail: {
      ...(invoice === undefined ? {} : { invoice }),
      ...(mail === undefined ? {} : { mail }),
      ...act.detail,
    },
  });
}

/** The account of the path, as the payer that it is; throws 404 for one that is not known. */
async function payerIn({
  services,
  params,
}: Pick<HandlerContext, 'services' | 'params'>): Promise<Account> {
  const { id = '' } = params;
  const known =
    id.includes('\0') || id.length > 255
      ? null
      : await findCustomerByUser(services.database.knex, id);
  if (!known) throw new AppError('not_found', 'There is no such account.');
  return { id, name: known.name, role: 'owner', personal: true };
}

/** What Stripe refuses an operator in so many words is the answer, not a failure of ours. */
async function inWords(run: () => Promise<Response>): Promise<Response> {
  try {
    return await run();
  } catch (error) {
    if (isGatewayError(error, 'invalid')) {
      throw new AppError('not_allowed', `Stripe refused it: ${error.message}`, {
        fields: { stripeCode: error.code },
        cause: error,
      });
    }
    if (isGatewayError(error, 'not_found')) {
      throw new AppError('not_found', `Stripe does not have it: ${error.message}`, {
        cause: error,
      });
    }
    throw error;
  }
}
