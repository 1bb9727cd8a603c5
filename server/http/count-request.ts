import type { Route, RouteContext } from './define-route.ts';
import { AppError } from './errors.ts';
import type { RateLimits } from './rate-limit.ts';
import { countStripeCalls } from '../lib/metrics.ts';

const triesCodes = (route: Route): boolean =>
  route.triesCodes === true || route.errors?.includes('unknown_promotion_code') === true;

/** Every command does; of what is read, the routes that say so. */
const asksStripe = (route: Route): boolean =>
  route.asksStripe ?? (route.method !== 'GET' && route.oneByOne !== false);

/** Throws where the account has made too many calls to Stripe, or tried too many codes. */
export function requireRoom(route: Route, limits: RateLimits, accountId: string): void {
  if (asksStripe(route)) limits.requireStripeCalls(accountId);
  if (triesCodes(route)) limits.requireFewWrongCodes(accountId);
}

/** Handles the request, and counts what an account must not do too often. */
export async function countRequest(
  route: Route,
  { request, limits }: { request: Request; limits: RateLimits },
  context: RouteContext,
): Promise<Response> {
  const accountId = context.account?.id;
  if (accountId === undefined) return route.handle(request, context);
  const count = () => limits.stripeCall(accountId);
  try {
    return await countStripeCalls(count, () => route.handle(request, context));
  } catch (error) {
    const code = error instanceof AppError ? error.code : null;
    const isWrongCode = code === 'unknown_promotion_code' || code === 'not_found';
    if (isWrongCode && triesCodes(route)) limits.wrongCode(accountId);
    throw error;
  }
}
