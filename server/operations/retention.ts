import { leadJob, readCursor, resignJob, saveCursor } from '../../db/cursors.ts';
import { pruneKeys } from '../../db/idempotency-keys.ts';
import {
  pruneEffects,
  pruneEvents,
  pruneLocks,
  STEP,
  type EventPosition,
} from '../../db/retention.ts';
import type { EngineContext } from '../sync/context.ts';
import { createLoop, type Loop } from '../lib/poll-loop.ts';

const JOB = 'retention';
const LEASE = 60_000;
const DAY = 86_400_000;
/** How long the answer to a request is kept under its Idempotency-Key: as long as Stripe keeps its own at least. */
const KEEP_ANSWERS = DAY;
/** How long a lease must be over before the row of its lock is deleted. */
const KEEP_LOCKS = DAY;
/**
 * How much longer effects are kept than events: the same effect may follow from two events, and one of them may arrive,
 * and be replayed, up to 30 days after the other.
 */
const KEEP_EFFECTS_LONGER = 31 * DAY;
/** A step is followed by a rest of some times its length: others have most of the database's time. */
const REST = 3;
const SHORTEST_REST = 10;

type Table = 'webhook_events' | 'processing_attempts' | 'outbox' | 'subjects' | 'idempotency_keys';

/**
 * Deletes what is too old, now and then and a few rows at a time; of several processes, one does it at a time. Without
 * `EVENT_RETENTION_DAYS` that is only what is never needed again. The history of subscriptions is never deleted.
 */
export function createRetention(ctx: EngineContext): Loop {
  const { core, owner, options } = ctx;
  const db = core.database.knex;
  const idle = Math.min(options.retentionEvery || DAY, 5 * 60_000);
  let deletion: AsyncGenerator<void, void> | null = null;
  let pause = idle;
  let notBefore = 0;

  async function round(): Promise<boolean> {
    pause = idle;
    if (deletion === null && !(await isDue())) return false;
    if (!(await leadJob(db, JOB, { owner, duration: LEASE }))) {
      deletion = null;
      return false;
    }
    deletion ??= deleteOld(ctx);
    const from = performance.now();
    const { done } = await deletion.next();
    pause = Math.max(SHORTEST_REST, REST * (performance.now() - from));
    if (done) await end();
    return false;
  }

  /** Once in a while for all processes together; not while this one starts. */
  async function isDue(): Promise<boolean> {
    const now = Date.now();
    if (options.retentionEvery <= 0 || now < notBefore) return false;
    return now - Number((await readCursor(db, JOB)) ?? 0) >= options.retentionEvery;
  }

  async function end(): Promise<void> {
    deletion = null;
    pause = idle;
    await saveCursor(db, JOB, String(Date.now()));
    await resignJob(db, JOB, owner);
  }

  const loop = createLoop({
    round,
    rest: () => pause,
    failed: (error) => {
      deletion = null;
      core.log.warn({ err: error }, 'could not delete what is too old; it is tried again');
    },
    afterError: idle,
  });
  return {
    ...loop,
    start() {
      notBefore = Date.now() + idle;
      loop.start();
    },
    async stop() {
      await loop.stop();
      if (deletion !== null) await resignJob(db, JOB, owner).catch(() => undefined);
      deletion = null;
    },
  };
}

/** Goes through the tables step by step. */
async function* deleteOld(ctx: EngineContext): AsyncGenerator<void, void> {
  const { database, config, log } = ctx.core;
  const db = database.knex;
  const now = Date.now();
  const deleted = new Map<Table, number>();
  const count = (table: Table, rows: number) => {
    deleted.set(table, (deleted.get(table) ?? 0) + rows);
    if (rows > 0) ctx.core.metrics.deletedRows.inc({ table }, rows);
  };

  for (let rows = STEP; rows === STEP;) {
    rows = await pruneKeys(db, now - KEEP_ANSWERS, STEP);
    count('idempotency_keys', rows);
    yield;
  }
  for (let after: string | null = ''; after !== null;) {
    const step = await pruneLocks(db, now - KEEP_LOCKS, after);
    count('subjects', step.locks);
    after = step.next;
    yield;
  }
  const { eventRetentionDays: days } = config;
  if (days !== null) yield* deleteOldEvents({ db, before: now - days * DAY, count });
  const rows = Object.fromEntries([...deleted].filter(([, each]) => each > 0));
  if (Object.keys(rows).length > 0) log.info({ rows }, 'deleted what was too old');
}

interface OldEvents {
  db: EngineContext['core']['database']['knex'];
  before: number;
  count: (table: Table, rows: number) => void;
}

async function* deleteOldEvents({ db, before, count }: OldEvents): AsyncGenerator<void, void> {
  const stays = new Set<string>();
  let at: EventPosition | null = null;
  do {
    const step = await pruneEvents(db, before, at);
    count('webhook_events', step.events);
    count('processing_attempts', step.attempts);
    for (const name of step.about) stays.add(name);
    at = step.next;
    yield;
  } while (at !== null);
  const terms = { before: before - KEEP_EFFECTS_LONGER, except: stays };
  for (let after: number | null = 0; after !== null;) {
    const step = await pruneEffects(db, terms, after);
    count('outbox', step.effects);
    after = step.next;
    yield;
  }
}
