import type { EventSummary } from '../../db/webhook-events.ts';
import type { RefreshingClock } from '../lib/clock.ts';
import type { ChangeFeed } from '../lib/change-feed.ts';
import type { CommitGroup } from './commit-group.ts';
import type { EngineOptions } from './options.ts';
import type { StripeReader } from '../lib/engine-types.ts';
import type { CoreServices } from '../lib/services.ts';
import type { SubjectReads } from './load-reads.ts';
import type { ReadOwner } from '../lib/engine-types.ts';

/** What the parts of one engine share. */
export interface EngineContext {
  core: CoreServices;
  clock: RefreshingClock;
  reader: StripeReader;
  changes: ChangeFeed;
  /** Where an event stands; all who ask at the same moment share a query. null when it is not stored. */
  statusOf: (id: string) => Promise<EventSummary | null>;
  reads: SubjectReads;
  /** Whose a subscription is, from everything that says so. */
  readOwner: ReadOwner;
  commits: CommitGroup;
  options: EngineOptions;
  /** Tells this engine from all others, also from earlier ones of the same machine. */
  owner: string;
  /** In tests only, a place to break; else it does nothing. */
  probe: (step: string) => Promise<void>;
  /** Called after a commit that put effects into the outbox. */
  effectsWaiting: () => void;
}
