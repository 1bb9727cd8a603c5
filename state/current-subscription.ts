/** Which of an account's subscriptions is shown and acted on. */
import { findPlan, type Catalogue } from './catalogue.ts';
import { STATES } from './states.ts';
import type { StoredSubscription } from './types.ts';

/**
 * The one that gives access, the best plan first; else one that is still open; else the one that ended last. `newestFirst`
 * holds those of all the account's customers.
 */
export function currentSubscription<Row extends StoredSubscription>(
  newestFirst: readonly Row[],
  catalogue: Catalogue,
): Row | null {
  let best: { row: Row; access: number; rank: number } | null = null;
  for (const row of newestFirst) {
    const access = accessRank(row);
    const rank = access === 0 ? 0 : (findPlan(catalogue, row.plan ?? '')?.rank ?? -Infinity);
    if (!best || access > best.access || (access === best.access && rank > best.rank)) {
      best = { row, access, rank };
    }
  }
  return best?.row ?? null;
}

/** Full access, access until a grace ends, open without access, ended. */
function accessRank({ state, facts }: StoredSubscription): 3 | 2 | 1 | 0 {
  if (!STATES[state].open) return 0;
  if (facts.pauseCollection !== null) return 1;
  if (STATES[state].group === 'entitled') return 3;
  return state === 'past_due' ? 2 : 1;
}
