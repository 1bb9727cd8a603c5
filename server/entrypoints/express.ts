/** `tenure/express`: the billing API and its gates inside an Express app. */
import type { IncomingMessage } from 'node:http';
import { createGuard, createRouter, type Middleware } from '../../adapters/express.ts';
import type { Authenticate } from '../lib/services.ts';
import { createGate, type GateOptions } from '../access/gate.ts';
import { isBillingPath } from '../app/start-billing.ts';
import { withAuthentication } from '../http/with-authentication.ts';
import { createHandler } from '../app/route-list.ts';
import type { Services } from '../lib/services.ts';

export type { Middleware };
export type { Authenticate, User, UserAccount } from '../lib/services.ts';
export { loadConfig, ConfigError } from '../config/config.ts';
export { startBilling, type BillingOptions } from '../app/start-billing.ts';
export { commandsFor, type CommandOptions, type Commands } from '../app/commands.ts';
export type { HookEvent, Hooks } from '../lib/hooks.ts';
export { createServices } from '../app/compose.ts';
export type { Services } from '../lib/services.ts';
export { trackRequests, trackUsage, type TrackRequestsOptions } from '../usage/track.ts';

export interface BillingRouterOptions<Native extends IncomingMessage = IncomingMessage> {
  services: Services;
  /** Another way to know users, from Express's own request as the second argument; default: as `services` do. */
  authenticate?: Authenticate<Native>;
}

export type ExpressGateOptions<Native extends IncomingMessage = IncomingMessage> =
  BillingRouterOptions<Native> & Omit<GateOptions, 'feature'>;

/**
 * The billing routes and the webhook for an Express app, at any prefix:
 * `app.use('/api', createBillingRouter({services}))`, before any body parser. Other paths pass through.
 */
export function createBillingRouter<Native extends IncomingMessage = IncomingMessage>(
  options: BillingRouterOptions<Native>,
): Middleware {
  const services = withAuthentication(options.services, options.authenticate);
  return createRouter(createHandler(services), { innerPath: '/api', serves: isBillingPath });
}

/** Lets only users with an active subscription (or in grace) through; else 402, or a redirect for pages. */
export function requireActiveSubscription<Native extends IncomingMessage = IncomingMessage>(
  options: ExpressGateOptions<Native>,
): Middleware {
  return gate(options);
}

/** Lets only users through whose plan has the feature, or who have something left of the limit of that name. */
export function requireFeature<Native extends IncomingMessage = IncomingMessage>(
  feature: string,
  options: ExpressGateOptions<Native>,
): Middleware {
  return gate(options, feature);
}

function gate<Native extends IncomingMessage>(
  { services, authenticate, redirectTo, used }: ExpressGateOptions<Native>,
  feature?: string,
): Middleware {
  return createGuard(
    createGate(withAuthentication(services, authenticate), { feature, redirectTo, used }),
  );
}
