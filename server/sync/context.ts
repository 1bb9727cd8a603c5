import type { ChangeFeed } from '../lib/change-feed.ts';
import type { RefreshingClock } from '../lib/clock.ts';
import type { ReadOwner, StripeReader } from '../lib/engine-types.ts';
import type { CoreServices } from '../lib/services.ts';
import type { Decision } from './decision.ts';
import type { EngineOptions } from './options.ts';

/** What the parts of one engine share. */
export interface EngineContext {
  core: CoreServices;
  clock: RefreshingClock;
  reader: StripeReader;
  /** Whose a subscription is, from everything that says so. */
  readOwner: ReadOwner;
  changes: ChangeFeed;
  /** Writes what was decided for a customer, together with what else is; false where another process has the customer. */
  commit: (decision: Decision) => Promise<boolean>;
  options: EngineOptions;
  /** Tells this engine from all others, also from earlier ones of the same machine. */
  owner: string;
  /** In tests only, a place to break; else it does nothing. */
  probe: (step: string) => Promise<void>;
  /** Called after a commit that put effects into the outbox. */
  effectsWaiting: () => void;
}
