import type { Cause, StoredSubscription, Transition } from '../state/types.ts';
import { addToCounters, countedArrows, movedCounts, shardOf } from './counters.ts';
import type { Db } from './database.ts';
import { addedFigures, figuresOf } from './dashboard-figures.ts';
import { upsertSubscriptions } from './subscriptions.ts';
import { recordTransitions, type TransitionRow } from './transitions.ts';

/** What the machine decided about one subscription. */
export interface SubscriptionChange {
  /** As read in the same transaction; null when it is new. */
  before: StoredSubscription | null;
  next: StoredSubscription;
  lines: (Transition & { cause: Cause })[];
  /** True when nothing outward may follow from it. */
  quiet?: boolean;
}

/**
 * The only path by which subscriptions are written: rows, history and counters together, in a few statements
 * however many there are. Call it inside a transaction that holds the subject's row.
 * Returns the lines that were new.
 */
export async function saveChanges(db: Db, changes: SubscriptionChange[]): Promise<TransitionRow[]> {
  await upsertSubscriptions(
    db,
    changes.map((change) => change.next),
  );
  const added = await recordTransitions(
    db,
    changes.flatMap(({ next, lines }) =>
      lines.map((line) => ({ subscriptionId: next.id, customerId: next.customerId, ...line })),
    ),
  );
  const shard = shardOf(db, changes[0]?.next.id ?? '');
  const moves = changes.map(({ before, next }) => ({
    before: before && !before.foreign ? counted(before) : null,
    after: next.foreign ? null : counted(next),
  }));
  await addToCounters(db, [
    movedCounts(moves, shard),
    countedArrows(added, shard),
    addedFigures(figuresOf(changes, added), shard),
  ]);
  return added;
}

const counted = (sub: StoredSubscription) => ({
  state: sub.state,
  currency: sub.facts.currency,
  mrr: sub.mrr,
});
