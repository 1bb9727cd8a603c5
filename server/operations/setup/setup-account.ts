import { createStripeGateway, type StripeGateway } from '../../../adapters/stripe-gateway.ts';
import { setUpCatalogue } from './setup-catalogue.ts';
import type { SetupAction, SetupContext } from './setup-context.ts';
import { setUpEndpoint } from './setup-endpoint.ts';
import { setUpFeatures } from './setup-features.ts';
import type { SetupOptions } from './setup-options.ts';
import { setUpPortal } from './setup-portal.ts';

export type { SetupAction } from './setup-context.ts';

export interface SetupResult {
  actions: SetupAction[];
  /** How many things were (or would be) made or changed. */
  changes: number;
  refused: number;
  /** What the server is to be configured with; holds the signing secret of an endpoint that was made just now. */
  env: Record<string, string>;
}

/**
 * Brings a Stripe account to what the plans file says: products, meters, prices, portal, webhook endpoint. Run
 * again it changes nothing. Throws a GatewayError when Stripe refuses or is unreachable; what was done stays done.
 */
export async function setUpAccount(
  options: SetupOptions,
  run: {
    dryRun: boolean;
    onAction?: (action: SetupAction) => void;
    stripe?: StripeGateway;
  },
): Promise<SetupResult> {
  const actions: SetupAction[] = [];
  const ctx: SetupContext = {
    stripe: run.stripe ?? createStripeGateway(options),
    options,
    dryRun: run.dryRun,
    env: {},
    products: new Map(),
    prices: new Map(),
    made: new Set(),
    report(action) {
      actions.push(action);
      run.onAction?.(action);
    },
  };
  await setUpCatalogue(ctx);
  await setUpFeatures(ctx);
  await setUpPortal(ctx);
  await setUpEndpoint(ctx);
  const count = (...did: SetupAction['did'][]) =>
    actions.filter((action) => did.includes(action.did)).length;
  return {
    actions,
    changes: count('created', 'updated', 'replaced'),
    refused: count('refused'),
    env: ctx.env,
  };
}
