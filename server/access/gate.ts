import type { RequestInfo } from '../../adapters/fetch.ts';
import { checkAccess, refusalCode } from './check-access.ts';
import { accountOf } from '../../state/roles.ts';
import type { User } from '../lib/services.ts';
import { AppError, type ErrorCode } from '../http/errors.ts';
import { errorResponse } from '../http/respond.ts';
import type { Services } from '../lib/services.ts';

export interface GateOptions {
  /** A feature that the plan must have as well, or a limit of which something must be left. */
  feature?: string;
  /** How much of the limit the user's account has used, where only the host app can count it. */
  used?: (user: User) => Promise<number> | number;
  /** Where browsers are sent; `?reason=…` is added. Default `/billing`. */
  redirectTo?: string;
}

/** Lets a request through (null), or answers it: a redirect for pages, 401 or 402 for programs. */
export type Gate = (request: Request, info?: RequestInfo) => Promise<Response | null>;

/**
 * A gate for the routes of a host app. It asks the database (or a fresh cache of it), never Stripe.
 * A database that is down answers 503: no one gets in unchecked.
 */
export function createGate(services: Services, options: GateOptions = {}): Gate {
  return async (request, info) => {
    try {
      const user = await services.authenticate(request, info?.native);
      const refusal = await refusalOf(services, user, options);
      if (refusal === null) return null;
      if (refusal.code === 'unauthenticated' || !wantsPage(request)) {
        return errorResponse(services, refusal);
      }
      const target = options.redirectTo ?? '/billing';
      const mark = target.includes('?') ? '&' : '?';
      const location = `${target}${mark}reason=${refusal.code}`;
      return new Response(null, {
        status: 303,
        headers: { location, 'cache-control': 'no-store' },
      });
    } catch (error) {
      return errorResponse(services, error);
    }
  };
}

async function refusalOf(
  services: Services,
  user: User | null,
  { feature, used }: GateOptions,
): Promise<AppError | null> {
  if (!user) return new AppError('unauthenticated', 'A valid bearer token is needed.');
  const question = { feature, used: await used?.(user) };
  const answer = await checkAccess(services, accountOf(user).id, question);
  if (answer.allowed) return null;
  const { level: _level, allowed: _allowed, ...fields } = answer;
  const code = refusalCode(answer);
  return new AppError(code, REFUSALS[code], {
    fields: code === 'subscription_required' ? fields : { ...fields, feature },
  });
}

const REFUSALS = {
  subscription_required: 'An active subscription is needed.',
  feature_required: 'The plan does not include this.',
  limit_reached: 'The plan allows no more of this.',
  cap_reached: 'The cap of the plan on this usage is reached; it begins anew with the next period.',
} satisfies Partial<Record<ErrorCode, string>>;

function wantsPage(request: Request): boolean {
  const reads = request.method === 'GET' || request.method === 'HEAD';
  return reads && (request.headers.get('accept') ?? '').includes('text/html');
}
