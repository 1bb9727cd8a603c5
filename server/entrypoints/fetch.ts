/** `tenure/fetch`: the billing API and its gates for Hono, service routers and other Fetch runtimes on Node. */
import { mountFetch } from '../../adapters/fetch.ts';
import type { Authenticate } from '../lib/services.ts';
import { AppError } from '../http/errors.ts';
import { createGate, type Gate, type GateOptions } from '../access/gate.ts';
import { isBillingPath } from '../app/start-billing.ts';
import { withAuthentication } from '../http/with-authentication.ts';
import { createHandler } from '../app/route-list.ts';
import { errorResponse } from '../http/respond.ts';
import type { Services } from '../lib/services.ts';

export type { FetchHandler, RequestInfo } from '../../adapters/fetch.ts';
export { createNodeListener, type NodeListener } from '../../adapters/node.ts';
export type { Authenticate, User, UserAccount } from '../lib/services.ts';
export { loadConfig, ConfigError } from '../config/config.ts';
export type { Gate } from '../access/gate.ts';
export { startBilling, type BillingOptions } from '../app/start-billing.ts';
export { commandsFor, type CommandOptions, type Commands } from '../app/commands.ts';
export type { HookEvent, Hooks } from '../lib/hooks.ts';
export { createServices } from '../app/compose.ts';
export type { Services } from '../lib/services.ts';

export interface BillingHandlerOptions<Native = unknown> {
  services: Services;
  /** Where the app mounts it; default `/api`: the routes are then `/api/billing/…` and `/api/webhooks/stripe`. */
  mountPath?: string;
  /** Another way to know users; default: as `services` do. `native` is what the app handed over. */
  authenticate?: Authenticate<Native>;
}

/** `native` reaches `authenticate`, e.g. `billing(c.req.raw, { native: c })` in Hono. */
export type BillingHandler = (request: Request, info?: { native?: unknown }) => Promise<Response>;

/** The billing routes and the webhook as one function; everything else answers 404. It does not throw. */
export function createBillingHandler<Native = unknown>(
  options: BillingHandlerOptions<Native>,
): BillingHandler {
  const { services, mountPath = '/api', authenticate } = options;
  const mounted = mountFetch(createHandler(withAuthentication(services, authenticate)), {
    mountPath,
    innerPath: '/api',
    serves: isBillingPath,
  });
  return async (request, info) =>
    (await mounted(request, info)) ??
    errorResponse(services, new AppError('not_found', 'There is nothing at this path.'));
}

export type FetchGateOptions<Native = unknown> = Pick<
  BillingHandlerOptions<Native>,
  'services' | 'authenticate'
> &
  Omit<GateOptions, 'feature'>;

/** Null for users with an active subscription (or in grace); else the answer to give: 402, or a redirect for pages. */
export function requireActiveSubscription<Native = unknown>(
  options: FetchGateOptions<Native>,
): Gate {
  return gate(options);
}

/** Null for users whose plan has the feature; else the answer to give. */
export function requireFeature<Native = unknown>(
  feature: string,
  options: FetchGateOptions<Native>,
): Gate {
  return gate(options, feature);
}

function gate<Native>(options: FetchGateOptions<Native>, feature?: string): Gate {
  const { services, authenticate, redirectTo } = options;
  return createGate(withAuthentication(services, authenticate), { feature, redirectTo });
}
