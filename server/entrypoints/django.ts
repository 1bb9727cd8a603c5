/** `tenure/django`: the Node half of `tenure_django`, a server that only Django is meant to reach. */
import { readDjangoToken, type DjangoTokens } from '../../adapters/django.ts';
import { mountFetch } from '../../adapters/fetch.ts';
import { createNodeListener, type NodeListener } from '../../adapters/node.ts';
import { accountInClaims, bearerToken } from '../http/authenticate.ts';
import type { Config } from '../config/config.ts';
import type { User } from '../lib/services.ts';
import { AppError } from '../http/errors.ts';
import { isBillingPath } from '../app/start-billing.ts';
import { createHandler } from '../app/route-list.ts';
import { errorResponse } from '../http/respond.ts';
import type { Services } from '../lib/services.ts';

export { mintDjangoToken, readDjangoToken, type DjangoTokens } from '../../adapters/django.ts';
export { startBilling, type BillingOptions } from '../app/start-billing.ts';
export type { Services } from '../lib/services.ts';

/** An `authenticate` that believes the 60-second tokens of Django and nothing else; `claims` names those of the account. */
export function createDjangoAuthenticate(
  tokens: DjangoTokens,
  claims: Partial<Config['auth']> = {},
): (request: Request) => Promise<User | null> {
  const auth: Config['auth'] = { jwtSecret: null, jwksUrl: null, audience: null, ...claims };
  return async (request) => {
    const token = bearerToken(request);
    const found = token === null ? null : await readDjangoToken(token, tokens);
    if (!found) return null;
    const { claims: all, ...user } = found;
    const account = accountInClaims(all, auth);
    return { ...user, ...(account && { account }) };
  };
}

/**
 * A `node:http` listener with what the Python package asks for: the billing API, the webhook, health, and the data of
 * its admin pages. No dashboard, no storefront. Throws when the configuration has no AUTH_JWT_SECRET.
 */
export function createDjangoListener({ services }: { services: Services }): NodeListener {
  const { jwtSecret, audience } = services.config.auth;
  if (jwtSecret === null) {
    throw new Error(
      'AUTH_JWT_SECRET is not set, so no token of Django can be read. Set it to the value of TENURE["JWT_SECRET"].',
    );
  }
  const authenticate = createDjangoAuthenticate(
    { secret: jwtSecret, audience },
    services.config.auth,
  );
  const mounted = mountFetch(createHandler({ ...services, authenticate }), {
    mountPath: '',
    innerPath: '',
    serves: (path) => isBillingPath(path) || /^\/(?:healthz|readyz|admin\/api\/.*)$/.test(path),
  });
  return createNodeListener(
    async (request, info) =>
      (await mounted(request, info)) ??
      errorResponse(services, new AppError('not_found', 'There is nothing at this path.')),
  );
}
