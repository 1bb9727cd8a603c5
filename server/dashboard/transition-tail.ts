import {
  newestTransitionId,
  transactionHorizon,
  transitionsAfter,
} from '../../db/dashboard-transitions.ts';
import type { Db } from '../../db/database.ts';
import type { TransitionRow } from '../../db/transitions.ts';

const PAGE = 500;

/**
 * Reads new lines of the history in the order of their ids, each once, although transactions may commit out
 * of that order. Behind a missing id nothing is read until no running transaction can bring it any more;
 * so "all up to id n" is always true of whoever has seen n.
 */
export class TransitionTail {
  readonly #db: Db;
  #position: number | null = null;
  #gap: { from: number; next: bigint | null } | null = null;
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
    return this.#position === null || this.#gap !== null;
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
    const certain: TransitionRow[] = [];
    for (const row of rows) {
      if (row.id !== position + 1 && !this.#isOver(position + 1, horizon)) break;
      this.#gap = null;
      position = row.id;
      certain.push(row);
    }
    this.#position = position;
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

  /** Whether the missing ids will never come: all transactions that ran when they were missed are over. */
  #isOver(missing: number, horizon: { oldest: bigint; next: bigint } | null): boolean {
    if (horizon === null) return true;
    if (this.#gap?.from !== missing) {
      this.#gap = { from: missing, next: null };
      return false;
    }
    if (this.#gap.next === null) {
      this.#gap.next = horizon.next;
      return horizon.oldest >= horizon.next;
    }
    return horizon.oldest >= this.#gap.next;
  }
}
