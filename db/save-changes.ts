import { mrrChangesOf, type RevenueLines } from '../state/metrics.ts';
import type { Cause, StoredSubscription, Transition } from '../state/types.ts';
import { addToCounters, countedArrows, movedCounts, shardOf } from './counters.ts';
import type { Db } from './database.ts';
import { addedFigures, addMrrChanges, figuresOf } from './dashboard-figures.ts';
import { releaseHeldEffects } from './outbox.ts';
import { upsertSubscriptions } from './subscriptions.ts';
import {
  disproveTransitions,
  recordTransitions,
  reviseTransitions,
  type TransitionRow,
} from './transitions.ts';

/** What the machine decided about one subscription. */
export interface SubscriptionChange {
  /** As read in the same transaction; null when it is new. */
  before: StoredSubscription | null;
  next: StoredSubscription;
  lines: (Transition & {
    cause: Cause;
    number?: number | null;
    guess?: boolean;
    account?: string | null;
    requestId?: string | null;
    mrr?: number | null;
    plan?: string | null;
  })[];
  /** True when nothing outward may follow from it. */
  quiet?: boolean;
  /** Lines that are now known better: as they were, and as they are. */
  revised?: LineRevision[];
  /** Lines that were guessed wrong. */
  removed?: TransitionRow[];
  /** What its lines say of revenue and trial, where they change. */
  revenue?: RevenueLines;
  /** The first payment after its trial that the events tell of. */
  trialPaidAt?: number | null;
  /** When revenue changed that no line tells of. */
  at?: number;
}

export interface LineRevision extends Transition {
  line: TransitionRow;
  at: number;
  guess: boolean;
  /** null: it stays. */
  cause: Cause | null;
  account: string | null;
  requestId: string | null;
  mrr?: number | null;
  plan?: string | null;
}

/**
 * The only path by which subscriptions are written: rows, history and counters together, in a few statements
 * however many there are. Call it inside a transaction that holds the customer's lock.
 * Returns the lines that were new.
 */
export async function saveChanges(db: Db, changes: SubscriptionChange[]): Promise<TransitionRow[]> {
  await upsertSubscriptions(
    db,
    changes.map((change) => change.next),
  );
  const corrections = await correctLines(db, changes);
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
  const counts = [...added, ...corrections];
  await addToCounters(db, [
    movedCounts(moves, shard),
    countedArrows(counts, shard),
    addedFigures(figuresOf(changes, counts), shard),
  ]);
  await addMrrChanges(db, changes.flatMap(mrrChangesOf));
  return added;
}

type CountedLine = TransitionRow & { count: number };

/** Writes lines again that are known better by now; what they had added to the counters is taken back. */
async function correctLines(db: Db, changes: SubscriptionChange[]): Promise<CountedLine[]> {
  const revised = changes.flatMap((change) => change.revised ?? []);
  const removed = changes.flatMap((change) => change.removed ?? []);
  if (revised.length === 0 && removed.length === 0) return [];
  await disproveTransitions(
    db,
    removed.map(({ id }) => id),
  );
  await reviseTransitions(
    db,
    revised.map(({ line, ...known }) => {
      const { id, subscriptionId, customerId } = line;
      return { ...known, id, subscriptionId, customerId };
    }),
  );
  await releaseHeldEffects(
    db,
    revised.filter((each) => !each.guess).map(({ line }) => line),
  );
  return [
    ...removed.map((line) => ({ ...line, count: -1 })),
    ...revised.flatMap(({ line, from, to, event, at: occurredAt }) => [
      { ...line, count: -1 },
      { ...line, from, to, event, occurredAt, count: 1 },
    ]),
  ];
}

const counted = (sub: StoredSubscription) => ({
  state: sub.state,
  currency: sub.facts.currency,
  mrr: sub.mrr,
});
