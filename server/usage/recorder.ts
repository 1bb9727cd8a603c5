import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../../db/database.ts';
import { combine } from '../../state/aggregation.ts';
import { insertUsage, type UsageRecord } from '../../db/usage-records.ts';
import { AppError } from '../http/errors.ts';
import type { Logger } from '../lib/log.ts';
import type { AfterRecording } from './alerts.ts';
import type { UsageOptions } from './options.ts';

/** A record before it has a key of its own. */
export type NewUsage = Omit<UsageRecord, 'key'> & { key: string | null };

/** Resolves, after the commit, to whether the record was new. */
export type Recorded = Promise<boolean>;

export interface UsageRecorder {
  /**
   * Takes a record in. Throws `overloaded` when too much waits in memory; nothing is taken in then. `admitted` says
   * that `requireRoom` was asked: of several that belong together, all are taken in or none.
   */
  record(usage: NewUsage, admitted?: boolean): Recorded;
  /** Throws `overloaded` when too much waits in memory. */
  requireRoom(): void;
  /** Records that wait in memory. */
  backlog(): number;
  /** Resolves when everything taken in was stored or refused. */
  settled(): Promise<void>;
}

interface Batch {
  rows: UsageRecord[];
  /** Rows without a caller's key by user, meter and second: they add up before they are stored. */
  merged: Map<string, UsageRecord>;
  /** Positions of keyed rows; a key that comes twice in one batch is stored once. */
  keys: Map<string, UsageRecord>;
  /** Resolves to the rows that were new. */
  done: Promise<Set<UsageRecord>>;
  /** What every merged record resolves to: there is nothing that it could be a duplicate of. */
  accepted: Recorded;
  settle: (added: Set<UsageRecord>) => void;
  fail: (error: unknown) => void;
}

const FIRST_PAUSE = 50;

/**
 * Group commit: one transaction stores whatever gathered while the one before it was under way. Each caller is
 * answered after its own commit. A commit that fails is tried again with the same keys, so that it is safe even
 * when it is unknown whether it came through.
 */
export function createUsageRecorder(
  database: Database,
  options: Pick<UsageOptions, 'maxBuffered' | 'commitTimeoutMs'>,
  { log, afterRecording }: { log: Logger; afterRecording: AfterRecording },
): UsageRecorder {
  let open: Batch | null = null;
  let running: Promise<void> | null = null;
  let storing = 0;

  async function storeAll(): Promise<void> {
    while (open) {
      const batch = open;
      open = null;
      storing = batch.rows.length;
      await storeBatch(batch);
      storing = 0;
    }
    running = null;
  }

  async function storeBatch(batch: Batch): Promise<void> {
    const giveUp = Date.now() + options.commitTimeoutMs;
    for (let pause = FIRST_PAUSE; ; pause *= 2) {
      try {
        batch.settle(await storeRows(database, batch.rows, afterRecording));
        return;
      } catch (error) {
        if (Date.now() + pause > giveUp) {
          batch.fail(error);
          return;
        }
        log.warn({ err: error, records: batch.rows.length }, 'usage could not be stored yet');
        await sleep(pause);
      }
    }
  }

  const held = () => (open?.rows.length ?? 0) + storing;

  function record(usage: NewUsage, admitted = false): Recorded {
    const batch = (open ??= newBatch());
    running ??= Promise.resolve().then(storeAll);
    if (usage.key === null) {
      const second = Math.floor(usage.at / 1000);
      const name = `${second} ${usage.windowAt} ${usage.meter} ${usage.userId}`;
      const known = batch.merged.get(name);
      if (known) {
        const { aggregation = 'sum' } = usage;
        known.quantity = combine(aggregation, [known, usage]);
        known.at = Math.max(known.at, usage.at);
        return batch.accepted;
      }
      if (!admitted) requireRoom();
      const row = { ...usage, key: `auto\n${randomUUID()}` };
      batch.merged.set(name, row);
      batch.rows.push(row);
      return batch.accepted;
    }
    const name = `${usage.userId}\n${usage.key}`;
    const twin = batch.keys.get(name);
    if (twin) {
      const same = twin.quantity === usage.quantity && twin.meter === usage.meter;
      return batch.done.then(() => {
        if (!same) throw otherUsage(usage.key);
        return false;
      });
    }
    if (!admitted) requireRoom();
    const row = { ...usage, key: usage.key };
    batch.keys.set(name, row);
    batch.rows.push(row);
    return batch.done.then((added) => added.has(row));
  }

  function requireRoom(): void {
    if (held() < options.maxBuffered) return;
    throw new AppError('overloaded', 'Too much usage is waiting to be stored; try again.', {
      headers: { 'retry-after': '2' },
    });
  }

  return {
    record,
    requireRoom,
    backlog: held,
    settled: async () => {
      await running;
    },
  };
}

/** The refusal of a key under which something else was recorded. */
export function otherUsage(key: string | null): AppError {
  return new AppError(
    'idempotency_conflict',
    'This key was used for another quantity or meter; nothing was changed. A correction sets a record right.',
    { fields: { idempotencyKey: key?.split('\n').at(-1) } },
  );
}

function newBatch(): Batch {
  let settle: Batch['settle'] = () => undefined;
  let fail: Batch['fail'] = () => undefined;
  const done = new Promise<Set<UsageRecord>>((resolve, reject) => {
    settle = resolve;
    fail = reject;
  });
  const accepted = done.then(() => true);
  // The caller that waits gets the error; without one, it must not end the process.
  accepted.catch(() => undefined);
  return { rows: [], merged: new Map(), keys: new Map(), done, accepted, settle, fail };
}

async function storeRows(
  database: Database,
  rows: UsageRecord[],
  afterRecording: AfterRecording,
): Promise<Set<UsageRecord>> {
  const { added, committed } = await database.knex.transaction(async (trx) => {
    const added = await insertUsage(trx, rows);
    return { added, committed: await afterRecording(trx, added) };
  });
  committed();
  return new Set(added);
}
