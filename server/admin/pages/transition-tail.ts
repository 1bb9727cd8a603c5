import {
  newestTransitionId,
  transactionHorizon,
  transitionsAfter,
} from '../../../db/dashboard-transitions.ts';
import type { Db } from '../../../db/database.ts';
import type { TransitionRow } from '../../../db/transitions.ts';

const PAGE = 500;

/**
 * Reads new lines of the history in the order of their ids, each once, although transactions may commit out
 * of that order. Behind a missing id nothing is read until no running transaction can bring it any more;
 * so "all up to id n" is always true of a reader that has seen n.
 */
export class TransitionTail {
  readonly #db: Db;
  #position: number | null = null;
  /** Ids up to here were missing when they were looked for; those that ran then are older than `next`. */
  #gaps: { upTo: number; next: bigint | null } | null = null;
  #start: { id: number; next: bigint } | null = null;

  constructor(db: Db) {
    this.#db = db;
  }

  /** All ids up to here have been read, or will never be; null before the start is known. */
  get position(): number | null {
    return this.#position;
  }

  /** True while a missing id is waited for: it is worth asking again soon. */
  get isWaiting(): boolean {
    return this.#position === null || this.#gaps !== null;
  }

  /** The lines that became certain since the last call; at the first calls it only finds the start. */
  async read(): Promise<TransitionRow[]> {
    if (this.#position === null) {
      await this.#findStart();
      return [];
    }
    // The horizon is older than the rows: what it calls over is seen by the query that follows.
    const horizon = await transactionHorizon(this.#db);
    let position: number = this.#position;
    const rows = await transitionsAfter(this.#db, position, PAGE);
    const upTo = rows.at(-1)?.id ?? position;
    const missingIsOver = this.#areOver(upTo, horizon);
    const certain: TransitionRow[] = [];
    for (const row of rows) {
      if (row.id !== position + 1 && !missingIsOver(position + 1)) break;
      position = row.id;
      certain.push(row);
    }
    this.#position = position;
    if (this.#gaps && position >= this.#gaps.upTo) this.#gaps = null;
    return certain;
  }

  async #findStart(): Promise<void> {
    const horizon = await transactionHorizon(this.#db);
    if (horizon === null) {
      this.#position = await newestTransitionId(this.#db);
    } else if (this.#start === null) {
      const id = await newestTransitionId(this.#db);
      const after = await transactionHorizon(this.#db);
      this.#start = { id, next: after?.next ?? horizon.next };
    } else if (horizon.oldest >= this.#start.next) {
      this.#position = this.#start.id;
    }
  }

  /** Says whether missing ids will never come: all transactions that ran when they were missed are over. */
  #areOver(
    upTo: number,
    horizon: { oldest: bigint; next: bigint } | null,
  ): (missing: number) => boolean {
    if (horizon === null) return () => true;
    const known = this.#gaps;
    // The horizon of the read that missed them first may be older than their transactions: the next one is not.
    if (known && known.next === null) known.next = horizon.next;
    const waited = known !== null && known.next !== null && horizon.oldest >= known.next;
    return (missing) => {
      if (known && missing <= known.upTo) return waited;
      this.#gaps = { upTo, next: null };
      return false;
    };
  }
}
