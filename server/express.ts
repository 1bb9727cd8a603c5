/** `tenure/express`: the billing API and its gates inside somebody's Express app. */
import type { RequestHandler } from 'express';
import { createGuard, createRouter } from '../adapters/express.ts';
import type { Authenticate } from './auth.ts';
import { createGate, type GateOptions } from './gate.ts';
import { createHandler } from './routes.ts';
import type { Services } from './services.ts';

export interface BillingRouterOptions {
  services: Services;
  /** How the host app knows its users; default: the bearer token of the configuration. */
  authenticate?: Authenticate;
}

/**
 * The billing routes and the webhook for an Express app, at any prefix:
 * `app.use('/api', createBillingRouter({services}))`, before any body parser.
 */
export function createBillingRouter(options: BillingRouterOptions): RequestHandler {
  return createRouter(createHandler(withAuthentication(options)), { innerPath: '/api' });
}

/** Lets only users with an active subscription (or in grace) through; else 402, or a redirect for pages. */
export function requireActiveSubscription(
  options: BillingRouterOptions & Omit<GateOptions, 'feature'>,
): RequestHandler {
  const { redirectTo } = options;
  return createGuard(createGate(withAuthentication(options), { redirectTo }));
}

/** Lets only users through whose plan has the feature. */
export function requireFeature(
  feature: string,
  options: BillingRouterOptions & Omit<GateOptions, 'feature'>,
): RequestHandler {
  const { redirectTo } = options;
  return createGuard(createGate(withAuthentication(options), { feature, redirectTo }));
}

function withAuthentication({ services, authenticate }: BillingRouterOptions): Services {
  return authenticate ? { ...services, authenticate } : services;
}
