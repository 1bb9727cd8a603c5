import type { ChangeFeed } from '../lib/change-feed.ts';
import type { RefreshingClock } from '../lib/clock.ts';
import type { ReadOwner, StripeReader } from '../lib/engine-types.ts';
import type { CoreServices } from '../lib/services.ts';
import type { EngineOptions } from './options.ts';

/** What the parts of one engine share. */
export interface EngineContext {
  core: CoreServices;
  clock: RefreshingClock;
  reader: StripeReader;
  /** Whose a subscription is, from everything that says so. */
  readOwner: ReadOwner;
  changes: ChangeFeed;
  /** Runs a commit, a few at a time: those that wait for a locked row must not use up the connections. */
  limitCommits: <T>(task: () => Promise<T>) => Promise<T>;
  options: EngineOptions;
  /** Tells this engine from all others, also from earlier ones of the same machine. */
  owner: string;
  /** In tests only, a place to break; else it does nothing. */
  probe: (step: string) => Promise<void>;
  /** Called after a commit that put effects into the outbox. */
  effectsWaiting: () => void;
}
