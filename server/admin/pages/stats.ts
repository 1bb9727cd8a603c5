import { stateCounts } from '../../../db/counters.ts';
import { inboxHealth } from '../../../db/webhook-events.ts';
import type { LifecycleState } from '../../../state/types.ts';
import type { Services } from '../../lib/services.ts';
import { testClockOf } from './test-clock.ts';

/** What the pages keep fresh. */
export interface LiveStats {
  counts: Partial<Record<LifecycleState, number>>;
  inbox: { waiting: number; failing: number; dead: number };
  clock: { now: number; advancing: boolean } | null;
}

/** Counts of the states, health of the inbox, and the test clock. */
export async function liveStats(services: Services): Promise<LiveStats> {
  const db = services.database.knex;
  const [counts, { waiting, failing, dead }] = await Promise.all([
    stateCounts(db),
    inboxHealth(db, Date.now()),
  ]);
  const clock = testClockOf(services);
  return {
    counts,
    inbox: { waiting, failing, dead },
    clock: clock && { now: clock.now, advancing: clock.advancing },
  };
}
