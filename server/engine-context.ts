import type { RefreshingClock } from './business-clock.ts';
import type { ChangeFeed } from './changes.ts';
import type { EngineOptions } from './engine-options.ts';
import type { EventWatch } from './event-watch.ts';
import type { StripeReader } from './read-stripe.ts';
import type { CoreServices } from './services.ts';

/** What the parts of one engine share. */
export interface EngineContext {
  core: CoreServices;
  clock: RefreshingClock;
  reader: StripeReader;
  changes: ChangeFeed;
  statusOf: EventWatch;
  options: EngineOptions;
  /** Tells this engine from all others, also from earlier ones of the same machine. */
  owner: string;
  /** In tests only, a place to break; else it does nothing. */
  probe: (step: string) => Promise<void>;
  /** Called after a commit that put effects into the outbox. */
  effectsWaiting: () => void;
}
