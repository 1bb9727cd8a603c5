import type { StripeGateway } from '../../../adapters/stripe-gateway.ts';
import type { SetupOptions } from './setup-options.ts';

export type SetupKind = 'product' | 'price' | 'meter' | 'feature' | 'portal' | 'webhook';

/** One thing of the account, and what was (or, in a dry run, would be) done about it. */
export interface SetupAction {
  kind: SetupKind;
  what: string;
  did: 'created' | 'updated' | 'replaced' | 'kept' | 'refused';
  /** Null in a dry run for what is not there yet. */
  id: string | null;
  why: string;
}

export interface SetupContext {
  stripe: StripeGateway;
  options: SetupOptions;
  dryRun: boolean;
  report: (action: SetupAction) => void;
  /** Variables that the server is to be configured with. */
  env: Record<string, string>;
  /** Ids by what they are for: products of plans, prices of references. */
  products: Map<string, string>;
  prices: Map<string, { id: string; product: string }>;
  /** Products that this run made, or would make. */
  made: Set<string>;
}
